//! The control interface under `/_sandbox/`: how tests make things happen and ask what is true. What is below
//! `/_sandbox/hubspot/` and `/_sandbox/gcal/` is described there.
//!
//! | request | body or query | does |
//! |---|---|---|
//! | `POST charges` | as in `bodies` | creates one |
//! | `POST charges/{id}/capture` | `amount` | collects an authorisation |
//! | `POST charges/{id}/succeed`, `/fail`, `/expire` | | moves it on |
//! | `POST charges/{id}/update` | `metadata`, `raw_patch` | changes what it shows |
//! | `POST charges/{id}/refund`, `/dispute` | `amount`, `status`, `raw_patch` | opens one |
//! | `POST refunds/{id}`, `POST disputes/{id}` | `status` | moves it to that status |
//! | `POST clock` | `offset_s` | sets the sandbox's now |
//! | `POST faults`, `DELETE faults` | `path`, `query`, `nth`, `times`, `kind` | orders a fault, forgets all |
//! | `POST settings` | as in `bodies` | sets keys, version, rate limit, latency |
//! | `GET requests`, `DELETE requests` | | counts of API requests, from zero again |
//! | `GET expected` | `from`, `to` | the totals a consumer must find |
//! | `GET objects` | `kind` | the state of all objects of a kind |
//!
//! Everything that changes an object also takes `at`, in Unix seconds, and `silent`, which writes no event.
//! `raw_patch` replaces members of the rendered object, or removes those it gives as `null`.

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::bodies::{ChangeBody, ClockBody, CreateBody, SettingsBody};
use super::changes::{ChangeError, NewCharge};
use super::claims::NewClaim;
use super::errors::ApiError;
use super::events::Moment;
use super::faults::Fault;
use super::gcal;
use super::hubspot;
use super::model::{ChargeStatus, Currency, Customer};
use super::query::{Kind, pairs};
use super::rate::RateLimit;
use super::render::parse_customer;
use super::reply::Reply;
use super::requests::RequestLog;
use super::shared::{Shared, locked, read, write};

/// Why a control request is refused: status and message.
#[derive(Debug)]
pub(super) struct Refusal(pub u16, pub String);

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        Self(if matches!(error, ChangeError::Missing(..)) { 404 } else { 400 }, error.to_string())
    }
}

/// Answers a control request.
pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refusal(Refusal(400, format!("the body could not be read: {error}"))),
    };
    let path = parts.uri.path().strip_prefix("/_sandbox/").unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let method = parts.method.as_str();
    let reply = if let Some(path) = path.strip_prefix("hubspot/") {
        hubspot::control(&shared.hubspot, &shared.clock, (method, path, query), &body)
    } else if let Some(path) = path.strip_prefix("gcal/") {
        gcal::control(&shared.gcal, method, path, &body)
    } else {
        route(shared, method, path, query, &body)
    };
    reply.unwrap_or_else(refusal)
}

fn refusal(Refusal(status, message): Refusal) -> Reply {
    ApiError { status, ..ApiError::of_status(400).with_message(message) }.into()
}

fn route(shared: &Shared, method: &str, path: &str, query: &str, body: &[u8]) -> Result<Reply, Refusal> {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, &parts[..]) {
        ("POST", ["charges"]) => create(shared, parse(body)?),
        ("POST", ["charges", id, verb]) => change_charge(shared, id, verb, parse(body)?),
        ("POST", ["refunds", id]) => set_status(shared, Kind::Refunds, id, parse(body)?),
        ("POST", ["disputes", id]) => set_status(shared, Kind::Disputes, id, parse(body)?),
        ("POST", ["clock"]) => {
            shared.clock.set_offset_s(parse::<ClockBody>(body)?.offset_s);
            Ok(Reply::json(200, format!("{{\"now\":{}}}", shared.clock.unix_s())))
        }
        ("POST", ["faults"]) => {
            let fault: Fault = parse(body)?;
            locked(&shared.faults).add(fault).map_err(|message| Refusal(400, message.to_owned()))?;
            Ok(done())
        }
        ("DELETE", ["faults"]) => {
            locked(&shared.faults).clear();
            Ok(done())
        }
        ("POST", ["settings"]) => {
            set(shared, parse(body)?);
            Ok(done())
        }
        ("GET", ["requests"]) => {
            Ok(Reply::json(200, serde_json::to_vec(&*locked(&shared.log)).unwrap_or_default()))
        }
        ("DELETE", ["requests"]) => {
            *locked(&shared.log) = RequestLog::default();
            Ok(done())
        }
        ("GET", ["expected"]) => {
            let from = number(query, "from")?.unwrap_or(i64::MIN);
            let to = number(query, "to")?.unwrap_or(i64::MAX);
            Ok(Reply::json(200, read(&shared.world).expected(from, to)))
        }
        ("GET", ["objects"]) => {
            let kind = pairs(query).find(|(name, _)| name == "kind").and_then(|(_, kind)| Kind::named(&kind));
            let kind =
                kind.ok_or_else(|| Refusal(400, "kind must be charges, refunds, disputes or events".into()))?;
            Ok(Reply::json(200, read(&shared.world).summaries(kind, shared.clock.unix_s())))
        }
        _ => Err(Refusal(404, format!("no such control request: {method} /_sandbox/{path}"))),
    }
}

fn create(shared: &Shared, body: CreateBody) -> Result<Reply, Refusal> {
    let refuse = |message: &str| Refusal(400, message.to_owned());
    let status = match body.status.as_deref() {
        None | Some("succeeded") => ChargeStatus::Succeeded,
        Some("pending") => ChargeStatus::Pending,
        Some("failed") => ChargeStatus::Failed,
        Some(_) => {
            return Err(refuse("status must be succeeded, pending or failed; use raw_patch for any other"));
        }
    };
    if body.amount < 0 {
        return Err(refuse("the amount is negative"));
    }
    let new = NewCharge {
        amount: body.amount,
        currency: Currency::parse(&body.currency)
            .ok_or_else(|| refuse("the currency must be three letters"))?,
        status,
        capture: body.capture,
        customer: body.customer.as_deref().map_or(Customer::Guest, parse_customer),
        metadata: body.metadata.map(|metadata| metadata.get().to_owned()),
        patch: body.raw_patch,
    };
    let moment = moment(shared, body.at, body.silent);
    let mut world = write(&shared.world);
    let serial = world.create_charge(new, &moment);
    Ok(rendered(&world, Kind::Charges, serial))
}

fn change_charge(shared: &Shared, id: &str, verb: &str, body: ChangeBody) -> Result<Reply, Refusal> {
    let allowed: &[&str] = match verb {
        "capture" => &["amount"],
        "succeed" | "fail" | "expire" => &[],
        "update" => &["metadata", "raw_patch"],
        "refund" | "dispute" => &["amount", "status", "raw_patch"],
        _ => return Err(Refusal(404, format!("a charge cannot {verb}"))),
    };
    body.only(allowed)?;
    let moment = moment(shared, body.at, body.silent);
    let mut world = write(&shared.world);
    let (kind, serial) = match verb {
        "capture" => (Kind::Charges, world.capture(id, body.amount, &moment)?),
        "succeed" => (Kind::Charges, world.succeed(id, &moment)?),
        "fail" => (Kind::Charges, world.fail(id, &moment)?),
        "expire" => (Kind::Charges, world.expire(id, &moment)?),
        "update" => {
            let metadata = body.metadata.map(|metadata| metadata.get().to_owned());
            (Kind::Charges, world.update(id, metadata, body.raw_patch, &moment)?)
        }
        _ => {
            let claim = NewClaim { amount: body.amount, status: body.status, patch: body.raw_patch };
            if verb == "refund" {
                (Kind::Refunds, world.refund_charge(id, claim, &moment)?)
            } else {
                (Kind::Disputes, world.dispute_charge(id, claim, &moment)?)
            }
        }
    };
    Ok(rendered(&world, kind, serial))
}

fn set_status(shared: &Shared, kind: Kind, id: &str, mut body: ChangeBody) -> Result<Reply, Refusal> {
    body.only(&["status"])?;
    let status = body.status.take().ok_or_else(|| Refusal(400, "status is missing".to_owned()))?;
    let moment = moment(shared, body.at, body.silent);
    let mut world = write(&shared.world);
    let serial = match kind {
        Kind::Refunds => world.set_refund_status(id, status, &moment)?,
        _ => world.set_dispute_status(id, status, &moment)?,
    };
    Ok(rendered(&world, kind, serial))
}

fn set(shared: &Shared, body: SettingsBody) {
    let mut settings = write(&shared.settings);
    if let Some(key) = body.api_key {
        settings.api_key = key;
    }
    if let Some(version) = body.api_version {
        settings.api_version = version;
    }
    if let Some(latency_ms) = body.latency_ms {
        settings.latency_ms = latency_ms;
    }
    if let Some(keys) = body.restricted_keys {
        settings.restricted_keys = keys;
    }
    if let Some(per_sec) = body.rate_limit_per_sec {
        *locked(&shared.rate) = RateLimit::new(Some(per_sec));
    }
}

fn moment(shared: &Shared, at: Option<i64>, silent: bool) -> Moment {
    let api_version = read(&shared.settings).api_version.clone();
    Moment { at: at.unwrap_or_else(|| shared.clock.unix_s()), silent, api_version }
}

fn rendered(world: &super::world::World, kind: Kind, serial: u64) -> Reply {
    let mut out = Vec::new();
    world.render(kind, serial, &mut out);
    Reply::json(200, out)
}

fn done() -> Reply {
    Reply::json(200, "{}")
}

fn number(query: &str, name: &str) -> Result<Option<i64>, Refusal> {
    let Some((_, value)) = pairs(query).find(|(known, _)| known == name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Refusal(400, format!("{name} must be Unix seconds")))
}

/// Reads a control request's body; none is an empty object.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal(400, error.to_string()))
}
