//! What Buffalo does, carried between connectors and store: fetching, processing, reconciling, maintaining. No SQL, no vendor's JSON.

mod fetch;
mod maintain;
mod persist;
mod process;
mod reconcile;
mod run_span;
mod schedule;
mod stop;

pub use fetch::{Fetch, FetchOptions};
pub use maintain::{Effect, Maintain};
pub use process::{Process, ProcessOptions, RetrySchedule};
pub use reconcile::Reconcile;
pub use schedule::{Action, CronError, CronExpression, Schedule, ScheduledJob};
pub use stop::{Stop, StopSwitch};

/// Called now and then with the number of records that were stored since the last call.
pub type OnProgress = std::sync::Arc<dyn Fn(u64) + Send + Sync>;
