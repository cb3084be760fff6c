//! Dead letters over HTTP: listing, showing, replaying, discarding.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use buffalo_jobs::DeadLetters;
use buffalo_model::{DeadLetterId, SystemClock};
use buffalo_store::DeadLetterFilter;

use super::App;
use super::dead_letter_choice::Choice;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::idempotency::{Answer, Once};
use super::params::{InPath, NoParams, Params};
use crate::dead_letters::{
    DeadLetterDocument, DeadLetterList, DiscardDocument, PreviewDocument, ReplayDocument,
};
use crate::question::{DeadLetterFilterParams, DeadLetterListParams, DryRunParams};

/// List dead letters
///
/// Newest first: states of records that were tried as often as is allowed, and could not be processed.
#[utoipa::path(
    get,
    path = "/dead-letters",
    operation_id = "listDeadLetters",
    tag = "Dead letters",
    params(DeadLetterFilterParams, DeadLetterListParams),
    responses((status = 200, description = "Some dead letters", body = DeadLetterList, links(
        ("letter" = (operation_id = "getDeadLetter", parameters(("id" = "$response.body#/deadLetters/0/id")))),
        ("replay" = (operation_id = "replayDeadLetter", parameters(("id" = "$response.body#/deadLetters/0/id")))),
        ("discard" = (operation_id = "discardDeadLetter", parameters(("id" = "$response.body#/deadLetters/0/id")))),
        ("next" = (operation_id = "listDeadLetters", parameters(("cursor" = "$response.body#/nextCursor")))),
    ))),
)]
pub(super) async fn list(
    State(app): State<App>,
    Params(params): Params<DeadLetterListParams>,
) -> Result<Json<DeadLetterList>, ApiError> {
    let page = params.page().map_err(ApiError::validation)?;
    Ok(Json(DeadLetterList::find(&app.store, &page).await?))
}

/// Show a dead letter
///
/// With its payload, and with what is stored of its record.
#[utoipa::path(
    get,
    path = "/dead-letters/{id}",
    operation_id = "getDeadLetter",
    tag = "Dead letters",
    params(("id" = Uuid, Path, description = "The dead letter's id")),
    responses((status = 200, description = "The dead letter", body = DeadLetterDocument, links(
        ("replay" = (operation_id = "replayDeadLetter", parameters(("id" = "$response.body#/id")))),
        ("discard" = (operation_id = "discardDeadLetter", parameters(("id" = "$response.body#/id")))),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::DeadLetterNotFound]))),
)]
pub(super) async fn show(
    State(app): State<App>,
    InPath(id): InPath<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<DeadLetterDocument>, ApiError> {
    let open = app.store.open_dead_letter(letter(&id)?).await?.ok_or_else(ApiError::dead_letter_not_found)?;
    let stored = app.store.stored_row(&open.letter).await?;
    Ok(Json(DeadLetterDocument::new(open, stored.as_ref())))
}

/// Replay a dead letter
///
/// It waits in the outbox again, unless a newer state of its record is stored already.
#[utoipa::path(
    post,
    path = "/dead-letters/{id}/replay",
    operation_id = "replayDeadLetter",
    tag = "Dead letters",
    params(("id" = Uuid, Path, description = "The dead letter's id"), DryRunParams),
    responses(
        (status = 200, description = "What a replay would do (`dryRun=true`)", body = PreviewDocument),
        (status = 202, description = "What was done", body = ReplayDocument),
    ),
    extensions(("x-error-codes" = json!([ErrorCode::DeadLetterNotFound]))),
)]
pub(super) async fn replay_one(
    State(app): State<App>,
    InPath(id): InPath<String>,
    Params(params): Params<DryRunParams>,
    once: Once,
) -> Result<Response, ApiError> {
    settle(app, Settling::Replay, only(&id)?, &params, once).await
}

/// Discard a dead letter
///
/// For good; its raw record is kept as long as all others.
#[utoipa::path(
    post,
    path = "/dead-letters/{id}/discard",
    operation_id = "discardDeadLetter",
    tag = "Dead letters",
    params(("id" = Uuid, Path, description = "The dead letter's id"), DryRunParams),
    responses(
        (status = 200, description = "What would be discarded (`dryRun=true`)", body = DiscardDocument),
        (status = 202, description = "What was done", body = DiscardDocument),
    ),
    extensions(("x-error-codes" = json!([ErrorCode::DeadLetterNotFound]))),
)]
pub(super) async fn discard_one(
    State(app): State<App>,
    InPath(id): InPath<String>,
    Params(params): Params<DryRunParams>,
    once: Once,
) -> Result<Response, ApiError> {
    settle(app, Settling::Discard, only(&id)?, &params, once).await
}

/// Replay many dead letters
///
/// Those that the body chooses, or all with `{"all": true}`.
#[utoipa::path(
    post,
    path = "/dead-letters/replay",
    operation_id = "replayDeadLetters",
    tag = "Dead letters",
    params(DryRunParams),
    request_body(content = Choice, example = json!({"source": "stripe", "reason": "currency"})),
    responses(
        (status = 200, description = "What a replay would do (`dryRun=true`)", body = PreviewDocument),
        (status = 202, description = "What was done", body = ReplayDocument),
    ),
)]
pub(super) async fn replay(
    State(app): State<App>,
    Params(params): Params<DryRunParams>,
    once: Once,
) -> Result<Response, ApiError> {
    let filter = Choice::read(&once.body)?.filter()?;
    settle(app, Settling::Replay, filter, &params, once).await
}

/// What to do with letters.
#[derive(Debug, Clone, Copy)]
enum Settling {
    Replay,
    Discard,
}

async fn settle(
    app: App,
    what: Settling,
    filter: DeadLetterFilter,
    params: &DryRunParams,
    once: Once,
) -> Result<Response, ApiError> {
    let dry_run = params.is_dry_run().map_err(ApiError::validation)?;
    if dry_run {
        return foresee(&app, what, &filter).await;
    }
    let of_work = app.clone();
    once.answer(&app, async move {
        let letters = letters(&of_work, &filter);
        match what {
            Settling::Replay => {
                let done = letters.replay().await?;
                found(&filter, &done.not_found)?;
                Answer::accepted(&ReplayDocument::new(done))
            }
            Settling::Discard => {
                let done = letters.discard().await?;
                found(&filter, &done.not_found)?;
                Answer::accepted(&DiscardDocument::new(false, done))
            }
        }
    })
    .await
}

/// Counts what would be done. Nothing changes, so no key is used up.
async fn foresee(app: &App, what: Settling, filter: &DeadLetterFilter) -> Result<Response, ApiError> {
    let letters = letters(app, filter);
    match what {
        Settling::Replay => {
            let preview = letters.preview(0).await?;
            found(filter, &preview.not_found)?;
            Ok((StatusCode::OK, Json(PreviewDocument::new(&preview))).into_response())
        }
        Settling::Discard => {
            let counted = letters.count().await?;
            found(filter, &counted.not_found)?;
            Ok((StatusCode::OK, Json(DiscardDocument::new(true, counted))).into_response())
        }
    }
}

fn letters<'a>(app: &'a App, filter: &'a DeadLetterFilter) -> DeadLetters<'a> {
    DeadLetters { store: &app.store, clock: &SystemClock, filter, currencies: &app.config.currencies }
}

fn only(id: &str) -> Result<DeadLetterFilter, ApiError> {
    Ok(DeadLetterFilter { ids: Some(vec![letter(id)?]), ..DeadLetterFilter::default() })
}

fn letter(id: &str) -> Result<DeadLetterId, ApiError> {
    id.parse().map(DeadLetterId).map_err(|_| ApiError::dead_letter_not_found())
}

/// A letter that was asked for by its id must be there.
fn found(filter: &DeadLetterFilter, not_found: &[DeadLetterId]) -> Result<(), ApiError> {
    if filter.ids.is_some() && !not_found.is_empty() {
        return Err(ApiError::dead_letter_not_found());
    }
    Ok(())
}
