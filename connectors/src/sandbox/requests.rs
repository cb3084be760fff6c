//! Counts the API's requests, so that tests can say how many a run took.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::hubspot;
use super::query::Kind;

/// How many recent requests are kept.
const KEPT: usize = 50;

/// What was asked since the last reset. Requests to the control interface do not count.
#[derive(Debug, Default, Serialize)]
pub(super) struct RequestLog {
    total: u64,
    by_path: BTreeMap<String, u64>,
    last: VecDeque<String>,
}

impl RequestLog {
    /// Notes a request and how it ended.
    pub(super) fn note(&mut self, method: &str, target: &str, outcome: &str) {
        self.total += 1;
        let path = target.split('?').next().unwrap_or(target);
        let path = pattern(path);
        match self.by_path.get_mut(&*path) {
            Some(count) => *count += 1,
            None => drop(self.by_path.insert(path.into_owned(), 1)),
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(format!("{method} {target} {outcome}"));
    }
}

/// The path with an id replaced, so that objects count together.
fn pattern(path: &str) -> Cow<'_, str> {
    if let Some(pattern) = hubspot::pattern(path) {
        return pattern.into();
    }
    let Some((kind, id)) = path.strip_prefix("/v1/").and_then(|rest| rest.split_once('/')) else {
        return path.into();
    };
    let pattern = match Kind::named(kind) {
        Some(kind) if !id.is_empty() && !id.contains('/') => match kind {
            Kind::Charges => "/v1/charges/{id}",
            Kind::Refunds => "/v1/refunds/{id}",
            Kind::Disputes => "/v1/disputes/{id}",
            Kind::Events => "/v1/events/{id}",
        },
        _ => path,
    };
    pattern.into()
}
