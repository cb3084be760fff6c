//! Ending on request: the first Ctrl-C or SIGTERM lets work end where it stands, the second ends the process.

use buffalo_jobs::{Stop, StopSwitch};

use crate::output::complain;

/// Hears of the first signal. A second one ends the process at once; nothing is lost, since everything is stored in
/// transactions.
pub(crate) fn on_signal() -> Stop {
    let (switch, stop) = StopSwitch::new();
    tokio::spawn(async move {
        signal().await;
        complain("stopping; once more to stop at once");
        switch.stop();
        signal().await;
        std::process::exit(130);
    });
    stop
}

async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // No signal can be heard of: the process ends when it is killed.
        std::future::pending::<()>().await;
    }
}
