//! The truth to hold a consumer's totals against, from the records' state and never from rendered JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::record::Record;
use super::shelf::Shelf;

/// Sums over live deals and counts of live records, as JSON.
pub(super) fn totals(deals: &Shelf, contacts: &Shelf) -> Value {
    let mut won: BTreeMap<String, (i128, u64)> = BTreeMap::new();
    let mut unreadable = 0_u64;
    let mut live_deals = 0_u64;
    for deal in deals.live_after(0) {
        live_deals += 1;
        if !deal.won() {
            continue;
        }
        match minor(&deal) {
            Some(amount) => {
                let (sum, count) = won.entry(deal.currency().to_ascii_uppercase()).or_default();
                *sum += amount;
                *count += 1;
            }
            None => unreadable += 1,
        }
    }
    let won: BTreeMap<String, Value> = won
        .into_iter()
        .map(|(currency, (sum, count))| (currency, json!({ "won": sum.to_string(), "count": count })))
        .collect();
    json!({
        "currencies": won,
        "won_with_unreadable_amount": unreadable,
        "deals": { "live": live_deals, "archived": deals.archived_after(0).count() },
        "contacts": { "live": contacts.live_after(0).count(), "archived": contacts.archived_after(0).count() },
    })
}

/// The state of every record, archived ones included, by id; live ones first.
pub(super) fn states(shelf: &Shelf) -> Value {
    shelf.live_after(0).chain(shelf.archived_after(0)).map(|record| state(&record)).collect()
}

/// The state of one record.
pub(super) fn state(record: &Record<'_>) -> Value {
    let mut state = json!({
        "id": record.id.to_string(),
        "created_ms": record.created_ms,
        "modified_ms": record.modified_ms,
        "archived": record.archived_ms.is_some(),
        "merged": record.merged,
    });
    if record.kind == super::record::Kind::Deals {
        state["stage"] = record.stage_text().into();
        state["pipeline"] = record.pipeline_text().into();
        state["won"] = record.won().into();
        state["currency"] = record.currency().into();
        state["amount_minor"] = minor(record).map(|minor| minor.to_string()).into();
        state["close_ms"] = record.deal.close_ms.into();
    }
    if let Some(set) = record.set.filter(|set| !set.is_empty()) {
        state["set"] = json!(set);
    }
    state
}

/// The amount in the currency's smallest unit; none where what was set is no decimal number that fits it.
fn minor(deal: &Record<'_>) -> Option<i128> {
    let Some(set) = deal.set("amount") else {
        return Some(i128::from(deal.deal.amount_minor.unwrap_or_default()));
    };
    let Some(text) = set else { return Some(0) };
    let exponent = buffalo_model::exponent(deal.currency()) as usize;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = fraction.trim_end_matches('0');
    if !digits(whole) || !(fraction.is_empty() || digits(fraction)) || fraction.len() > exponent {
        return None;
    }
    format!("{whole}{fraction:0<exponent$}").parse().ok()
}
