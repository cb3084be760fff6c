//! Lists, single records and batches: reads what is asked for and answers it.

use serde::Deserialize;

use super::errors::ApiError;
use super::ids::{mix, push_base62};
use super::json::push_string;
use super::oddities::Oddities;
use super::pairs;
use super::record::{Kind, Properties, Record};
use super::render::Columns;
use super::reply::Reply;
use super::shelf::Shelf;
use super::values::push_time;

/// The most records on a page of a list, and in a batch.
const MOST: usize = 100;

/// The parameters that lists and single records take.
#[derive(Debug)]
struct Parameters {
    limit: usize,
    after: u64,
    properties: Vec<String>,
    archived: bool,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut parameters = Self { limit: 10, after: 0, properties: Vec::new(), archived: false };
        for (name, value) in pairs(query) {
            match name.as_str() {
                "limit" => {
                    parameters.limit =
                        value.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
                            ApiError::invalid(format!("limit must be from 1 to {MOST}; it is {value}"))
                        })?;
                }
                "after" => {
                    parameters.after = read_place(&value).ok_or_else(|| {
                        ApiError::invalid(format!("after is not a place in this list: {value}"))
                    })?;
                }
                "properties" => {
                    parameters.properties.extend(value.split(',').map(|name| name.trim().to_owned()));
                }
                "archived" => parameters.archived = value == "true",
                // HubSpot takes no notice of parameters that it does not know.
                _ => {}
            }
        }
        Ok(parameters)
    }
}

/// A place in a list, as a text that says nothing to its reader.
fn place(id: u64) -> String {
    let mut out = Vec::with_capacity(16);
    push_base62(&mut out, id, 8);
    push_base62(&mut out, mix(id, 420, 0), 4);
    String::from_utf8_lossy(&out).into_owned()
}

fn read_place(text: &str) -> Option<u64> {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digits = text.get(..8)?;
    let id = digits.chars().try_fold(0_u64, |id, digit| Some(id * 62 + DIGITS.find(digit)? as u64))?;
    (place(id) == text).then_some(id)
}

/// A page of a list, by id; an empty one says that it goes on, where there is something.
pub(super) fn list(
    shelf: &Shelf,
    path: &str,
    query: &str,
    oddities: &mut Oddities,
) -> Result<Reply, ApiError> {
    let empty = oddities.take_empty_page();
    let parameters = Parameters::parse(query)?;
    let shown = |record: &Record<'_>| !oddities.hides(record.id);
    let columns = Columns::new(shelf.generator.kind, &parameters.properties);
    let mut records: Vec<_> = match parameters.archived {
        false => shelf.live_after(parameters.after).filter(shown).take(parameters.limit + 1).collect(),
        true => shelf.archived_after(parameters.after).take(parameters.limit + 1).collect(),
    };
    let more = records.len() > parameters.limit;
    let first = records.first().map(|record| record.id);
    records.truncate(if empty { 0 } else { parameters.limit });
    let last = match empty {
        true => first.map(|id| place(id - 1)),
        false => records.last().filter(|_| more).map(|record| place(record.id)),
    };
    let mut out = Vec::with_capacity(2_048 * records.len() + 256);
    out.extend_from_slice(b"{\"results\":[");
    columns.render_all(&mut out, records);
    out.push(b']');
    if let Some(after) = last {
        out.extend_from_slice(b",\"paging\":{\"next\":{\"after\":");
        push_string(&mut out, &after);
        out.extend_from_slice(b",\"link\":");
        push_string(&mut out, &format!("https://api.hubapi.com{path}?after={after}"));
        out.extend_from_slice(b"}}");
    }
    out.push(b'}');
    Ok(Reply::json(200, out))
}

/// One record.
pub(super) fn single(shelf: &Shelf, id: &str, query: &str) -> Result<Reply, ApiError> {
    let parameters = Parameters::parse(query)?;
    let record = id.parse().ok().and_then(|id| shelf.find(id));
    let record = record.filter(|record| record.archived_ms.is_some() == parameters.archived);
    let record = record.ok_or_else(ApiError::not_found)?;
    let mut out = Vec::with_capacity(2_048);
    Columns::new(shelf.generator.kind, &parameters.properties).render(&mut out, &record);
    Ok(Reply::json(200, out))
}

/// Records by id; those that there are.
pub(super) fn batch(shelf: &Shelf, query: &str, body: &[u8], now_ms: i64) -> Result<Reply, ApiError> {
    #[derive(Deserialize)]
    struct Batch {
        #[serde(default)]
        properties: Vec<String>,
        inputs: Vec<Input>,
    }
    #[derive(Deserialize)]
    struct Input {
        id: String,
    }
    let archived = Parameters::parse(query)?.archived;
    let batch: Batch = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("Invalid input JSON: {error}")))?;
    if batch.inputs.len() > MOST {
        return Err(ApiError::invalid(format!("a batch has at most {MOST} inputs")));
    }
    let wanted = batch.inputs.len();
    let found: Vec<_> = batch.inputs.iter().filter_map(|input| shelf.find(input.id.parse().ok()?)).collect();
    let found: Vec<_> = found.into_iter().filter(|record| record.archived_ms.is_some() == archived).collect();
    let missing = wanted - found.len();
    let mut out = b"{\"status\":\"COMPLETE\",\"results\":[".to_vec();
    Columns::new(shelf.generator.kind, &batch.properties).render_all(&mut out, found);
    out.push(b']');
    if missing > 0 {
        let message = "Could not get some records, they may be deleted or not exist.";
        let error = format!(
            ",\"numErrors\":1,\"errors\":[{{\"status\":\"error\",\"category\":\"OBJECT_NOT_FOUND\",\"message\":\"{message}\"}}]"
        );
        out.extend_from_slice(error.as_bytes());
    }
    for name in ["startedAt", "completedAt"] {
        out.push(b',');
        push_string(&mut out, name);
        out.push(b':');
        push_time(&mut out, now_ms);
    }
    out.push(b'}');
    Ok(Reply::json(if missing > 0 { 207 } else { 200 }, out))
}

/// Checks names and values that a record is to be given.
pub(super) fn check_properties(kind: Kind, set: &Properties) -> Result<(), String> {
    let computed = ["hs_object_id", "createdate", "hs_merged_object_ids", kind.modified_property()];
    match computed.iter().find(|name| set.contains_key(**name)) {
        Some(name) => Err(format!("{name} is not for setting; see `at_ms`")),
        None => Ok(()),
    }
}
