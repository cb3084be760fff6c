//! What can be wrong with a parameter.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// Something wrong with a parameter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FieldProblem {
    /// The parameter in camelCase, as HTTP has it.
    pub(crate) field: Cow<'static, str>,
    /// What is wrong.
    pub(crate) message: String,
    /// The same for programs.
    pub(crate) code: ProblemCode,
}

/// What is wrong with a part of the request, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ProblemCode {
    /// There is no such parameter.
    UnknownParameter,
    /// A parameter is given more than once.
    RepeatedParameter,
    /// A value can't be read.
    InvalidValue,
    /// A day is not in the calendar, or not written as it should be.
    InvalidDate,
    /// A limit is no whole number in its range.
    InvalidLimit,
    /// A cursor comes from no list of this kind.
    InvalidCursor,
    /// An Idempotency-Key is too long, or has other characters than it may.
    InvalidIdempotencyKey,
    /// There is no such source.
    UnknownSource,
    /// There is no such entity.
    UnknownEntity,
    /// There is no such status.
    UnknownStatus,
    /// There is no such mode.
    UnknownMode,
    /// There is no such currency, or it is not among SUPPORTED_CURRENCIES.
    UnknownCurrency,
    /// There is no such time zone.
    UnknownTimezone,
    /// A range ends before it starts.
    StartAfterEnd,
    /// A range has more buckets than can be filled.
    RangeTooLong,
    /// A text to look for is empty.
    EmptyReason,
    /// A filter leaves open whether nothing or everything is meant.
    NothingChosen,
}
