//! What the portal is: its currency, its time zone, and its deal pipelines with their stages.

use super::json::push_string;
use super::values::push_time;

pub(super) const PORTAL_ID: u64 = 48_120_771;
/// The currency of deals that name none.
pub(super) const COMPANY_CURRENCY: &str = "EUR";
pub(super) const TIME_ZONE: &str = "Europe/Berlin";
/// When the pipelines were made.
const SET_UP_MS: i64 = 1_577_836_800_000;

/// A way that deals go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub id: &'static str,
    pub label: &'static str,
    pub stages: &'static [Stage],
}

/// A stop on that way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub id: &'static str,
    pub label: &'static str,
    pub closed: bool,
    /// As the API writes it: `0.0` to `1.0`.
    pub probability: &'static str,
}

impl Stage {
    pub(super) fn won(&self) -> bool {
        self.closed && self.probability == "1.0"
    }
}

const fn stage(id: &'static str, label: &'static str, closed: bool, probability: &'static str) -> Stage {
    Stage { id, label, closed, probability }
}

/// The label "Closed Won" means money in the first pipeline, and a signature without money in the second.
pub(super) const PIPELINES: &[Pipeline] = &[
    Pipeline {
        id: "default",
        label: "Sales Pipeline",
        stages: &[
            stage("appointmentscheduled", "Appointment Scheduled", false, "0.2"),
            stage("qualifiedtobuy", "Qualified To Buy", false, "0.4"),
            stage("presentationscheduled", "Presentation Scheduled", false, "0.6"),
            stage("decisionmakerboughtin", "Decision Maker Bought-In", false, "0.8"),
            stage("contractsent", "Contract Sent", false, "0.9"),
            stage("closedwon", "Closed Won", true, "1.0"),
            stage("closedlost", "Closed Lost", true, "0.0"),
        ],
    },
    Pipeline {
        id: "75398214",
        label: "Renewals",
        stages: &[
            stage("147213001", "Renewal Due", false, "0.5"),
            stage("147213002", "Closed Won", false, "0.9"),
            stage("147213003", "Invoice Paid", true, "1.0"),
            stage("147213004", "Churned", true, "0.0"),
        ],
    },
];

/// The stage of this id in the pipeline of that id.
pub(super) fn find_stage(pipeline: &str, stage: &str) -> Option<&'static Stage> {
    let pipeline = PIPELINES.iter().find(|known| known.id == pipeline)?;
    pipeline.stages.iter().find(|known| known.id == stage)
}

/// The answer of `/account-info/…/details`.
pub(super) fn details() -> Vec<u8> {
    let details = serde_json::json!({
        "portalId": PORTAL_ID, "accountType": "STANDARD", "timeZone": TIME_ZONE,
        "companyCurrency": COMPANY_CURRENCY, "additionalCurrencies": ["GBP", "JPY", "KWD", "USD"],
        "utcOffset": "+01:00", "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app-eu1.hubspot.com",
        "dataHostingLocation": "eu1",
    });
    details.to_string().into_bytes()
}

/// The answer of `/crm/pipelines/…/deals`.
pub(super) fn pipelines() -> Vec<u8> {
    let mut out = b"{\"results\":[".to_vec();
    for (order, pipeline) in PIPELINES.iter().enumerate() {
        push_entry(&mut out, order, pipeline.id, pipeline.label);
        out.extend_from_slice(b"\"stages\":[");
        for (order, stage) in pipeline.stages.iter().enumerate() {
            push_entry(&mut out, order, stage.id, stage.label);
            out.extend_from_slice(b"\"metadata\":{\"isClosed\":\"");
            out.extend_from_slice(if stage.closed { b"true" } else { b"false" });
            out.extend_from_slice(b"\",\"probability\":\"");
            out.extend_from_slice(stage.probability.as_bytes());
            out.extend_from_slice(b"\"},\"writePermissions\":\"CRM_PERMISSIONS_ENFORCEMENT\"}");
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_entry(out: &mut Vec<u8>, order: usize, id: &str, label: &str) {
    if order > 0 {
        out.push(b',');
    }
    out.extend_from_slice(b"{\"id\":");
    push_string(out, id);
    out.extend_from_slice(b",\"label\":");
    push_string(out, label);
    out.extend_from_slice(format!(",\"displayOrder\":{order},\"archived\":false,\"createdAt\":").as_bytes());
    push_time(out, SET_UP_MS);
    out.extend_from_slice(b",\"updatedAt\":");
    push_time(out, SET_UP_MS);
    out.push(b',');
}
