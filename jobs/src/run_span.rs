//! What every log line of a run says beside its own words: which run it is, of which source and entity.

use buffalo_model::RunId;
use tracing::Span;

/// The span of a run. It is of the highest level because a span that the level leaves out is missing from the lines that
/// the level lets through: with `LOG_LEVEL=warn` warnings would not say whose they are.
///
/// Tasks are not in the span of whoever spawns them unless they are put there, with `in_current_span`.
pub(crate) fn run_span(run_id: RunId, source: &str, entity: &str) -> Span {
    tracing::error_span!("run", %run_id, source, entity)
}
