//! The control interface under `/_sandbox/hubspot/`.
//!
//! | request | body or query | does |
//! |---|---|---|
//! | `POST deals`, `POST contacts` | `properties`, `at_ms` | creates one |
//! | `POST deals/{id}` | `properties`, `at_ms` | sets properties, `null` clears one |
//! | `POST deals/{id}/archive`, `/restore` | `at_ms` | puts it into the bin, takes it out |
//! | `POST deals/{id}/restore` | `unedited` | takes it out, and its modified date stays as it was |
//! | `POST deals/{id}/vanish` | | removes it without a trace, as a deletion for privacy or one of long ago |
//! | `POST deals/{id}/merge` | `loser`, `at_ms` | lets the loser vanish into it |
//! | `POST deals/bulk-edit` | `count`, `after`, `properties`, `at_ms` | edits as many live ones, by id, at one moment |
//! | `POST limits` | as below | sets all limits anew; what is left out is off |
//! | `POST search-lag` | `lag_ms` | lets searches, and nothing else, answer from what was so long ago; 0 is off |
//! | `POST oddities` | `unindexed`, `unlisted`, `no_results`, `empty_pages` | as in `oddities`; what is left out is off |
//! | `GET expected` | | won amounts by currency, counts of live and archived records |
//! | `GET objects` | `kind` | the state of every record |
//!
//! Contacts as deals. `at_ms` is in milliseconds since 1970, the sandbox's now if not given, and becomes the modified
//! date; any other property can be set to any text, also those that HubSpot computes. The lag of searches counts from the
//! moment of the control request instead, by the sandbox's clock. Clock, faults, latency and the request log are those of
//! the whole sandbox.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;

use super::expected;
use super::limits::{Daily, Limits, Window};
use super::query::check_properties;
use super::record::{Kind, Properties};
use super::shelf::{Moment, Shelf};
use super::{HubSpot, pairs};
use crate::sandbox::clock::Clock;
use crate::sandbox::control::{Refusal, parse};
use crate::sandbox::reply::Reply;
use crate::sandbox::shared::{locked, read, write};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ChangeBody {
    properties: Properties,
    at_ms: Option<i64>,
    loser: Option<String>,
    count: Option<usize>,
    after: Option<String>,
    unedited: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsBody {
    /// Searches per second.
    search_per_sec: Option<usize>,
    /// Other requests per ten seconds.
    per_ten_secs: Option<usize>,
    daily: Option<DailyBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DailyBody {
    requests: u64,
    /// From now; every day afterwards.
    resets_in_s: i64,
    /// Whether refusals carry `Retry-After`.
    #[serde(default)]
    retry_after: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchLagBody {
    lag_ms: u32,
}

/// Answers a control request; `path` is what follows `/_sandbox/hubspot/`.
pub(in crate::sandbox) fn answer(
    hubspot: &HubSpot,
    clock: &Clock,
    (method, path, query): (&str, &str, &str),
    body: &[u8],
) -> Result<Reply, Refusal> {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, &parts[..]) {
        ("POST", ["limits"]) => {
            *locked(&hubspot.limits) = limits(parse(body)?, clock);
            Ok(Reply::json(200, "{}"))
        }
        ("POST", ["search-lag"]) => {
            let SearchLagBody { lag_ms } = parse(body)?;
            hubspot.search_lag_ms.store(lag_ms, Ordering::Relaxed);
            Ok(Reply::json(200, "{}"))
        }
        ("POST", ["oddities"]) => {
            *locked(&hubspot.oddities) = parse(body)?;
            Ok(Reply::json(200, "{}"))
        }
        ("GET", ["expected"]) => {
            let totals = expected::totals(&read(&hubspot.deals), &read(&hubspot.contacts));
            Ok(Reply::json(200, totals.to_string()))
        }
        ("GET", ["objects"]) => {
            let kind = pairs(query).find(|(name, _)| name == "kind").and_then(|(_, kind)| Kind::named(&kind));
            let kind = kind.ok_or_else(|| Refusal(400, "kind must be deals or contacts".to_owned()))?;
            Ok(Reply::json(200, expected::states(&read(hubspot.shelf(kind))).to_string()))
        }
        ("POST", [kind, rest @ ..]) if Kind::named(kind).is_some() && rest.len() <= 2 => {
            let kind = Kind::named(kind).unwrap_or(Kind::Deals);
            let body: ChangeBody = parse(body)?;
            check_properties(kind, &body.properties).map_err(|message| Refusal(400, message))?;
            let made_ms = clock.unix_ms();
            let moment = Moment { made_ms, at_ms: body.at_ms.unwrap_or(made_ms) };
            change(&mut write(hubspot.shelf(kind)), rest, body, moment)
        }
        _ => Err(Refusal(404, format!("no such control request: {method} /_sandbox/hubspot/{path}"))),
    }
}

fn change(shelf: &mut Shelf, path: &[&str], body: ChangeBody, moment: Moment) -> Result<Reply, Refusal> {
    let missing = || Refusal(404, "there is no such record in the state that this needs".to_owned());
    let number = |id: &str| id.parse::<u64>().map_err(|_| Refusal(404, format!("no such record: {id}")));
    let id = match path {
        [] => shelf.create(body.properties, moment),
        ["bulk-edit"] => return bulk_edit(shelf, &body, moment),
        [id] => {
            let id = number(id)?;
            shelf.edit(id, body.properties, moment).ok_or_else(missing)?;
            id
        }
        [id, verb] => {
            let id = number(id)?;
            match *verb {
                "archive" => shelf.archive(id, moment),
                "restore" if body.unedited => shelf.restore(id, None, moment),
                "restore" => shelf.restore(id, Some(moment.at_ms), moment),
                "vanish" => {
                    shelf.vanish(id, moment).ok_or_else(missing)?;
                    return Ok(Reply::json(200, "{}"));
                }
                "merge" => shelf.merge(id, number(body.loser.as_deref().unwrap_or_default())?, moment),
                verb => return Err(Refusal(404, format!("a record cannot {verb}"))),
            }
            .ok_or_else(missing)?;
            id
        }
        _ => return Err(missing()),
    };
    let record = shelf.find(id).ok_or_else(missing)?;
    Ok(Reply::json(200, expected::state(&record).to_string()))
}

fn bulk_edit(shelf: &mut Shelf, body: &ChangeBody, moment: Moment) -> Result<Reply, Refusal> {
    let count = body.count.ok_or_else(|| Refusal(400, "count is missing".to_owned()))?;
    let after = body.after.as_deref().map_or(Ok(0), str::parse);
    let after = after.map_err(|_| Refusal(400, "after must be an id".to_owned()))?;
    let ids: Vec<u64> = shelf.live_after(after).take(count).map(|record| record.id).collect();
    for id in &ids {
        shelf.edit(*id, body.properties.clone(), moment);
    }
    let last = ids.last().map(u64::to_string);
    Ok(Reply::json(200, json!({ "edited": ids.len(), "at_ms": moment.at_ms, "last": last }).to_string()))
}

fn limits(body: LimitsBody, clock: &Clock) -> Limits {
    let window =
        |most: Option<usize>, secs| most.map(|most| Window::new(most, std::time::Duration::from_secs(secs)));
    Limits {
        search: window(body.search_per_sec, 1),
        general: window(body.per_ten_secs, 10),
        daily: body.daily.map(|daily| Daily {
            most: daily.requests,
            used: 0,
            resets_at: clock.unix_s() + daily.resets_in_s,
            tells: daily.retry_after,
        }),
    }
}
