//! Faults that tests order: errors, delays, broken connections and answers that are not Stripe's.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An order for a fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// Requests whose path starts so are counted; all, if not given.
    #[serde(default)]
    path: String,
    /// Of these, only those are counted whose query has this text in it, such as `after=`.
    #[serde(default)]
    query: String,
    /// The first counted request that is hit, from 1.
    #[serde(default = "one")]
    nth: u64,
    /// How many requests in a row are hit.
    #[serde(default = "one")]
    times: u64,
    kind: FaultKind,
    #[serde(skip)]
    seen: u64,
}

fn one() -> u64 {
    1
}

/// What happens to a request that is hit; exactly one of the members, besides those that belong to `status`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultKind {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    latency_ms: Option<u64>,
    #[serde(default)]
    drop: bool,
    #[serde(default)]
    truncate: bool,
    #[serde(default)]
    html: bool,
}

/// What to do with one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub latency_ms: u64,
    pub end: Option<Ending>,
}

/// How a request ends that is not answered as usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// This status, with Stripe's usual error unless there is a body.
    Status { status: u16, headers: BTreeMap<String, String>, body: Option<String> },
    /// The connection is closed without an answer.
    Drop,
    /// The usual answer's headers and half its body, then the connection is closed.
    Truncate,
    /// A web page, as from a proxy in between.
    Html,
}

/// The faults in force, in the order they were given.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault; an error says what is wrong with it.
    pub(super) fn add(&mut self, fault: Fault) -> Result<(), &'static str> {
        let kind = &fault.kind;
        let chosen = [kind.status.is_some(), kind.latency_ms.is_some(), kind.drop, kind.truncate, kind.html];
        if chosen.iter().filter(|chosen| **chosen).count() != 1 {
            return Err("kind must have exactly one of status, latency_ms, drop, truncate, html");
        }
        if fault.nth == 0 || kind.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("nth counts from 1, and a status is between 200 and 599");
        }
        self.0.push(fault);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a request and says what happens to it. The first fault that ends a request wins; delays add up.
    pub(super) fn judge(&mut self, path: &str, query: &str) -> Verdict {
        let mut verdict = Verdict::default();
        let named = |fault: &Fault| path.starts_with(&fault.path) && query.contains(&fault.query);
        for fault in self.0.iter_mut().filter(|fault| named(fault)) {
            fault.seen += 1;
            if fault.seen < fault.nth || fault.seen - fault.nth >= fault.times {
                continue;
            }
            verdict.latency_ms += fault.kind.latency_ms.unwrap_or(0);
            if verdict.end.is_none() {
                verdict.end = fault.kind.ending();
            }
        }
        self.0.retain(|fault| fault.seen < fault.nth || fault.seen - fault.nth + 1 < fault.times);
        verdict
    }
}

impl FaultKind {
    fn ending(&self) -> Option<Ending> {
        if let Some(status) = self.status {
            return Some(Ending::Status { status, headers: self.headers.clone(), body: self.body.clone() });
        }
        [(self.drop, Ending::Drop), (self.truncate, Ending::Truncate), (self.html, Ending::Html)]
            .into_iter()
            .find_map(|(chosen, ending)| chosen.then_some(ending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_hit_the_requests_they_name() {
        let mut faults = Faults::default();
        let fault = r#"{"path":"/v1/charges","nth":2,"times":2,"kind":{"drop":true}}"#;
        faults.add(serde_json::from_str(fault).expect("a fault")).expect("added");
        let hits = ["/v1/charges", "/v1/refunds", "/v1/charges", "/v1/charges/ch_1", "/v1/charges"]
            .map(|path| faults.judge(path, "").end.is_some());
        assert_eq!(hits, [false, false, true, true, false]);
        assert!(faults.0.is_empty(), "a spent fault is forgotten");
        for fault in
            [r#"{"kind":{"latency_ms":5}}"#, r#"{"kind":{"latency_ms":7}}"#, r#"{"kind":{"html":true}}"#]
        {
            faults.add(serde_json::from_str(fault).expect("a fault")).expect("added");
        }
        assert_eq!(faults.judge("/v1/charges", ""), Verdict { latency_ms: 12, end: Some(Ending::Html) });
        let fault = r#"{"query":"after=","kind":{"drop":true}}"#;
        faults.add(serde_json::from_str(fault).expect("a fault")).expect("added");
        let hits = ["limit=1", "limit=1&after=x"].map(|query| faults.judge("/x", query).end.is_some());
        assert_eq!(hits, [false, true]);
        for wrong in
            [r#"{"kind":{}}"#, r#"{"kind":{"drop":true,"html":true}}"#, r#"{"nth":0,"kind":{"drop":true}}"#]
        {
            assert!(faults.add(serde_json::from_str(wrong).expect("JSON")).is_err());
        }
    }
}
