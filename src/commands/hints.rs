//! Following the hints of webhooks, beside whatever a long-running command does.

use std::sync::Arc;

use buffalo_jobs::{FetchOptions, HintedFetches, Stop, StopSwitch};
use buffalo_model::SystemClock;

use crate::config::Config;

/// Follows hints until `stop`.
pub(super) fn following(config: &Config, stop: Stop) -> anyhow::Result<HintedFetches> {
    Ok(HintedFetches {
        store: config.store()?.clone(),
        clock: Arc::new(SystemClock),
        connectors: config.sources.clone(),
        options: FetchOptions {
            full_backfill_min_interval: config.full_backfill_min_interval,
            deadline: config.fetch_deadline,
            stop,
            ..FetchOptions::default()
        },
        interval: config.hint_interval,
    })
}

/// Follows hints for as long as `work` takes, if there is a source that could be fetched.
pub(super) async fn meanwhile<T>(config: &Config, work: impl Future<Output = T>) -> anyhow::Result<T> {
    if config.sources.is_empty() {
        return Ok(work.await);
    }
    let (switch, stop) = StopSwitch::new();
    let hints = following(config, stop)?;
    let working = async {
        let done = work.await;
        switch.stop();
        done
    };
    let (done, ()) = tokio::join!(working, hints.run());
    Ok(done)
}
