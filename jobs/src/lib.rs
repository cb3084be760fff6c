//! What Buffalo does, carried between connectors and store: fetching, processing, reconciling, maintaining, telling. No
//! SQL, no vendor's JSON.

mod absence;
mod dead_letters;
mod fetch;
mod hints;
mod identity;
mod maintain;
mod notify;
mod persist;
mod process;
mod reconcile;
mod run_span;
mod schedule;
mod stop;
mod summary;
mod verify;
mod wake;
mod watch;
mod webhooks;

pub use absence::MassDelete;
pub use dead_letters::{DeadLetters, FieldChange, Foreseen, Preview, PreviewedLetter, Settlement};
pub use fetch::{Fetch, FetchOptions};
pub use hints::HintedFetches;
pub use identity::{OtherIdentity, check_identity};
pub use maintain::{Effect, Maintain};
pub use notify::{Delivered, Sent, deliver_due, test_channels};
pub use process::{Process, ProcessOptions, RetrySchedule};
pub use reconcile::Reconcile;
pub use schedule::{Action, CronError, CronExpression, Schedule, ScheduledJob};
pub use stop::{Stop, StopSwitch};
pub use summary::{DailySummary, Summaries};
pub use verify::Verify;
pub use watch::Watch;
pub use webhooks::{Intake, Intaken};

/// Called now and then with the number of records that were stored since the last call.
pub type OnProgress = std::sync::Arc<dyn Fn(u64) + Send + Sync>;
