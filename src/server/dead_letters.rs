//! Dead letters over HTTP: listing, showing, replaying, discarding.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use buffalo_jobs::DeadLetters;
use buffalo_model::{DeadLetterId, SystemClock};
use buffalo_store::DeadLetterFilter;
use serde::Deserialize;

use super::App;
use super::error::ApiError;
use super::idempotency::{Answer, Once};
use super::params::{NoParams, Params};
use crate::dead_letters::{
    DeadLetterDocument, DeadLetterList, DiscardDocument, PreviewDocument, ReplayDocument,
};
use crate::question::{DeadLetterFilterParams, DeadLetterListParams, DryRunParams, FieldProblem};

/// GET /dead-letters
pub(super) async fn list(
    State(app): State<App>,
    Params(params): Params<DeadLetterListParams>,
) -> Result<Json<DeadLetterList>, ApiError> {
    let page = params.page().map_err(ApiError::validation)?;
    Ok(Json(DeadLetterList::find(&app.store, &page).await?))
}

/// GET /dead-letters/{id}
pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<DeadLetterDocument>, ApiError> {
    let open = app.store.open_dead_letter(letter(&id)?).await?.ok_or_else(ApiError::dead_letter_not_found)?;
    let stored = app.store.stored_row(&open.letter).await?;
    Ok(Json(DeadLetterDocument::new(open, stored.as_ref())))
}

/// POST /dead-letters/{id}/replay
pub(super) async fn replay_one(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<DryRunParams>,
    once: Once,
) -> Result<Response, ApiError> {
    settle(app, Settling::Replay, only(&id)?, &params, once).await
}

/// POST /dead-letters/{id}/discard
pub(super) async fn discard_one(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<DryRunParams>,
    once: Once,
) -> Result<Response, ApiError> {
    settle(app, Settling::Discard, only(&id)?, &params, once).await
}

/// POST /dead-letters/replay: those that the body chooses.
pub(super) async fn replay(
    State(app): State<App>,
    Params(params): Params<DryRunParams>,
    once: Once,
) -> Result<Response, ApiError> {
    let filter = Choice::read(&once.body)?.filter()?;
    settle(app, Settling::Replay, filter, &params, once).await
}

/// Which letters to replay. Nothing is ever chosen by leaving everything out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Choice {
    source: Option<String>,
    entity: Option<String>,
    reason: Option<String>,
    since: Option<String>,
    #[serde(default)]
    all: bool,
}

impl Choice {
    fn read(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        // What serde says of a body names fields and places in it, and nothing of the inside.
        serde_json::from_slice(body).map_err(|error| ApiError::unreadable_body(format!("the body: {error}")))
    }

    fn filter(self) -> Result<DeadLetterFilter, ApiError> {
        let Self { source, entity, reason, since, all } = self;
        let params = DeadLetterFilterParams { source, entity, reason, since };
        if params.is_empty() != all {
            let message = "choose by source, entity, reason and since, or by \"all\": true";
            let problem =
                FieldProblem { field: "all".into(), message: message.to_owned(), code: "NOTHING_CHOSEN" };
            return Err(ApiError::validation_in("body", vec![problem]));
        }
        params.filter().map_err(|problems| ApiError::validation_in("body", problems))
    }
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
