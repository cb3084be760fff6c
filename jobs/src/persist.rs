//! Getting through passing database trouble: a lost connection, a restart, a deadlock.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use buffalo_store::StoreError;

/// Makes a store call again, up to five times with growing, jittered delays, while its error is a passing one.
///
/// Only for calls that are whole transactions and may be made twice.
pub(crate) async fn persist<T, F>(call: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(5)
        .with_jitter();
    call.retry(delays)
        .when(StoreError::is_transient)
        .notify(|error, delay| tracing::warn!(%error, ?delay, "database trouble; trying again"))
        .await
}
