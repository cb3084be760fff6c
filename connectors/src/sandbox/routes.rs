//! Takes every request: control requests go their way, API requests meet faults, limits and keys, then get an
//! answer.

use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};

use super::clock::{http_date, since_epoch};
use super::control;
use super::errors::ApiError;
use super::faults::Ending;
use super::gcal::{self, GoogleCalendar};
use super::hubspot;
use super::ids::{ACCOUNT_ID, mix, push_base62};
use super::query::{Kind, ListQuery};
use super::reply::{Reply, ReplyBody};
use super::shared::{Shared, locked, read};

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was dropped on request")]
pub(super) struct Dropped;

/// Answers one request.
pub(super) async fn serve(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Dropped> {
    if request.uri().path().starts_with("/_sandbox/") {
        return Ok(control::answer(shared, request).await.into_response(false));
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let method = parts.method.as_str();
    let target = parts.uri.path_and_query().map_or(path, |target| target.as_str());
    let query = parts.uri.query().unwrap_or_default();
    let verdict = locked(&shared.faults).judge(path, query);
    let latency_ms = verdict.latency_ms + read(&shared.settings).latency_ms;
    if latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    let truncated = verdict.end == Some(Ending::Truncate);
    let reply = match verdict.end {
        Some(Ending::Drop) => {
            locked(&shared.log).note(method, target, "dropped");
            return Err(Dropped);
        }
        Some(Ending::Status { status, headers, body }) => {
            let reply = match body {
                Some(body) => Reply::json(status, body),
                None if gcal::owns(path) => GoogleCalendar::fault(status),
                None if hubspot::owns(path) => shared.hubspot.fault(status, shared.next_request()),
                None => fault(status, &headers).into(),
            };
            let reply = headers.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value));
            with_usual_headers(shared, path, &parts.headers, reply)
        }
        Some(Ending::Html) => {
            let page =
                "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>";
            Reply { content_type: "text/html; charset=utf-8", ..Reply::json(200, page) }
        }
        Some(Ending::Truncate) | None => {
            let reply = if gcal::owns(path) {
                let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
                let asked = gcal::Asked { method, path, query, headers: &parts.headers, body: &body };
                shared.gcal.answer(&asked, &shared.clock)
            } else if hubspot::owns(path) {
                let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
                let asked = hubspot::Asked { method, path, query, headers: &parts.headers, body: &body };
                shared.hubspot.answer(&asked, &shared.clock, shared.next_request())
            } else {
                api(shared, method, path, query, &parts.headers).unwrap_or_else(Reply::from)
            };
            with_usual_headers(shared, path, &parts.headers, reply)
        }
    };
    locked(&shared.log).note(method, target, &reply.status.to_string());
    let reply = reply.header("date", http_date(shared.clock.unix_s()));
    Ok(reply.into_response(truncated))
}

/// The error a status fault answers with; the headers tell the two meanings of 429 apart.
fn fault(status: u16, headers: &BTreeMap<String, String>) -> ApiError {
    let reason = headers.keys().any(|name| name.eq_ignore_ascii_case("stripe-rate-limited-reason"));
    let error = if status == 429 && reason { ApiError::rate_limited() } else { ApiError::of_status(status) };
    // The fault's own headers decide.
    ApiError { headers: Vec::new(), ..error }
}

/// Adds the headers that all of Stripe's answers have; the others' have none that anybody reads.
fn with_usual_headers(shared: &Shared, path: &str, headers: &HeaderMap, reply: Reply) -> Reply {
    if hubspot::owns(path) || gcal::owns(path) {
        return reply;
    }
    let mut id = b"req_".to_vec();
    let number = shared.next_request();
    push_base62(&mut id, mix(shared.seed, 300, number), 10);
    push_base62(&mut id, number, 4);
    let settings = read(&shared.settings);
    let version = settings.version(headers).unwrap_or_else(|_| settings.api_version.clone());
    reply.header("request-id", String::from_utf8_lossy(&id)).header("stripe-version", version)
}

fn api(
    shared: &Shared,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> Result<Reply, ApiError> {
    {
        let settings = read(&shared.settings);
        settings.authorize(headers, path)?;
        settings.version(headers)?;
    }
    if !locked(&shared.rate).admit(since_epoch()) {
        return Err(ApiError::rate_limited());
    }
    let mut parts = path.strip_prefix("/v1/").unwrap_or_default().splitn(2, '/');
    let (name, id) = (parts.next().unwrap_or_default(), parts.next());
    match (method, Kind::named(name), id) {
        ("GET", Some(kind), None) => {
            let query = ListQuery::parse(kind, query)?;
            let page = read(&shared.world).list(kind, &query, shared.clock.unix_s())?;
            Ok(Reply::json(200, page))
        }
        ("GET", Some(kind), Some(id)) if !id.is_empty() && !id.contains('/') => object(shared, kind, id),
        ("GET", None, None) if name == "account" => Ok(Reply::json(200, account())),
        _ => Err(ApiError::unknown_url(method, path)),
    }
}

fn object(shared: &Shared, kind: Kind, id: &str) -> Result<Reply, ApiError> {
    let missing = || ApiError::missing(404, kind.object(), id, "id");
    let world = read(&shared.world);
    if kind == Kind::Events {
        let (_, event) = world.events.find(id, shared.clock.unix_s()).ok_or_else(missing)?;
        return Ok(Reply::json(200, event.json.clone()));
    }
    let key = world.key_of(kind, id).ok_or_else(missing)?;
    let mut out = Vec::with_capacity(3_072);
    world.render(kind, key.serial, &mut out);
    Ok(Reply::json(200, out))
}

fn account() -> String {
    serde_json::json!({
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": { "name": "Sandbox Shop", "support_email": null, "url": null },
        "business_type": "company",
        "charges_enabled": true,
        "country": "US",
        "created": 1_262_304_000,
        "default_currency": "usd",
        "details_submitted": true,
        "email": "shop@example.com",
        "metadata": {},
        "payouts_enabled": true,
        "settings": { "dashboard": { "display_name": "Sandbox Shop", "timezone": "Etc/UTC" } },
        "type": "standard",
    })
    .to_string()
}
