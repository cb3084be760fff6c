//! Asking work to end early: it finishes what it holds and begins nothing new.

use tokio::sync::watch;

/// Tells everybody who holds a [`Stop`] to end.
#[derive(Debug)]
pub struct StopSwitch(watch::Sender<bool>);

/// Hears of the wish to end. Clones hear of the same one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl StopSwitch {
    /// A switch and what listens to it.
    #[must_use]
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Asks everybody to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// A wish that never comes.
    #[must_use]
    pub fn never() -> Self {
        StopSwitch::new().1
    }

    /// Whether the wish was uttered.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the wish is uttered.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            // The switch is gone without having been used.
            std::future::pending::<()>().await;
        }
    }
}
