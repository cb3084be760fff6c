//! Buffalo's words as types. Nothing here does I/O, knows a vendor, or is async.

mod circuit;
mod clock;
mod contact;
mod content;
mod cursor;
mod dead_letter;
mod event;
mod fx;
mod identity;
mod maintenance;
mod money;
mod normalised;
mod notification;
mod overlap;
mod payment;
mod push_channel;
mod reconciliation;
mod record;
mod refetch;
mod requests;
mod retention;
mod revenue;
mod run;
#[cfg(test)]
mod run_example;
mod run_news;
mod text;

pub use circuit::{Circuit, CircuitState};
pub use clock::{Clock, FixedClock, SystemClock};
pub use contact::Contact;
pub use content::ContentHash;
pub use cursor::Cursor;
pub use dead_letter::{DeadLetter, DeadLetterId, DeadLetterPosition, OpenDeadLetter, UnknownPosition};
pub use event::{Event, EventStatus, EventTime};
pub use fx::{
    ConversionError, Converted, EuroRate, InvalidRate, MAX_RATE_AGE_DAYS, NoRate, Rate, RateProblem,
    RateSheet, Rates, SheetError, UsedRate,
};
pub use identity::{Identity, IdentityConflict};
pub use maintenance::{
    CreatedPartition, DroppedPartition, KeptPartition, Maintenance, MaintenanceStep, NotDone,
};
pub use money::{Currency, CurrencyError, Money, SupportedCurrencies, exponent};
pub use normalised::Normalised;
pub use notification::{Alarm, DeadLetters, Ending, Notification, NotificationKind, NotifyOn, Work};
pub use overlap::{
    Certainty, Decision, DecisionId, Doubt, Overlap, OverlapQuery, Pairing, PaymentKey, PaymentKeyError,
    Sale, Verdict,
};
pub use payment::{Payment, PaymentKind, PaymentStatus};
pub use push_channel::{PushChannel, WatchDeed, WatchStep};
pub use reconciliation::{Discrepancy, ReconciledTotal, Reconciliation};
pub use record::{Entity, RawRecord, RawState, RecordKey, Source, Ties, UnknownEntity};
pub use refetch::{Refetch, RefetchPart, UnknownRefetchPart};
pub use requests::{RequestCounts, RequestOutcome};
pub use retention::{Retention, Span, Week, covered_until, lacks_next_week, missing_weeks};
pub use revenue::{
    Basis, Bucket, ChangesQuery, Contribution, ContributionPosition, Day, Difference, DriftCheck,
    Explanation, ExplanationQuery, FieldDifference, FigureDifference, Figures, Freshness, Gap, GapCode,
    Granularity, Measure, MissingReturn, Overflow, PaymentDifference, Proof, Reporting, ReportingRate,
    RestatedDay, Restatement, RestatementPosition, RestatementReason, Revenue, RevenueByDay, RevenueByMonth,
    RevenueByQuarter, RevenueByWeek, RevenueByYear, RevenueChanges, RevenueDrift, RevenueFigures,
    RevenueOfDay, RevenueOfMonth, RevenueOfQuarter, RevenueOfSource, RevenueOfWeek, RevenueOfYear,
    RevenueQuery, RevenueQueryError, RevenueSummary, RevenueTotals, Sum, UnknownContribution,
    UnknownRestatement, Verification, gaps, midnight, parse_date, parse_timezone, payload_document,
    plausible_days, plausible_times,
};
pub use run::{FailedRecord, Mode, Run, RunCounts, RunId, RunStatus};
pub use run_news::RunNews;
pub use text::{
    MAX_ID_BYTES, MAX_REASON_BYTES, MAX_TEXT_BYTES, MAX_WORD_BYTES, decoded, storable, storable_id,
};
