//! The truth to hold a consumer's totals against, summed from the objects' state and never from rendered
//! JSON.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::model::Currency;
use super::query::Kind;
use super::world::World;

/// Sums in one currency's smallest unit, as decimal strings so that no reader loses digits.
#[derive(Debug, Default, Serialize)]
struct Totals {
    #[serde(serialize_with = "decimal")]
    gross: i128,
    #[serde(serialize_with = "decimal")]
    refunded: i128,
    #[serde(serialize_with = "decimal")]
    disputed: i128,
    #[serde(serialize_with = "decimal")]
    net: i128,
    collected_count: u64,
    refund_count: u64,
    dispute_count: u64,
}

#[derive(Debug, Default, Serialize)]
struct Objects {
    charges: u64,
    refunds: u64,
    disputes: u64,
}

#[derive(Debug, Default, Serialize)]
struct Expected {
    currencies: BTreeMap<String, Totals>,
    objects: Objects,
}

fn decimal<S: serde::Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl World {
    /// Totals over the objects created from `from` up to, but without, `to`; each object counts by its own
    /// time.
    pub(super) fn expected(&self, from: i64, to: i64) -> Vec<u8> {
        let mut totals: BTreeMap<Currency, Totals> = BTreeMap::new();
        let mut objects = Objects::default();
        let inside = |created: i64| (from..to).contains(&created);
        for charge in self.all_charges().filter(|charge| inside(charge.key.created)) {
            objects.charges += 1;
            let totals = totals.entry(charge.currency).or_default();
            if charge.collected() {
                totals.gross += i128::from(charge.amount_captured);
                totals.collected_count += 1;
            }
        }
        for refund in self.all_refunds().filter(|refund| inside(refund.key.created)) {
            objects.refunds += 1;
            if refund.status == "succeeded" && !refund.release {
                let totals = totals.entry(refund.currency).or_default();
                totals.refunded += i128::from(refund.amount);
                totals.refund_count += 1;
            }
        }
        for dispute in self.all_disputes().filter(|dispute| inside(dispute.key.created)) {
            objects.disputes += 1;
            if dispute.status == "lost" {
                let totals = totals.entry(dispute.currency).or_default();
                totals.disputed += i128::from(dispute.amount);
                totals.dispute_count += 1;
            }
        }
        let mut expected = Expected { objects, ..Expected::default() };
        for (currency, mut sums) in totals {
            sums.net = sums.gross - sums.refunded - sums.disputed;
            expected.currencies.insert(currency.as_str().to_owned(), sums);
        }
        serde_json::to_vec(&expected).unwrap_or_default()
    }

    /// A JSON array with the state of every object of a kind, in serial order.
    pub(super) fn summaries(&self, kind: Kind, now: i64) -> Vec<u8> {
        let mut rows = Rows(vec![b'[']);
        match kind {
            Kind::Charges => self.all_charges().for_each(|charge| {
                rows.push(&serde_json::json!({
                    "id": self.id_text(kind, charge.key.serial), "created": charge.key.created,
                    "status": charge.status.as_str(), "amount": charge.amount,
                    "amount_captured": charge.amount_captured, "amount_refunded": charge.amount_refunded,
                    "captured": charge.captured, "currency": charge.currency.as_str(),
                    "disputed": charge.disputed, "refunded": charge.refunded(),
                }));
            }),
            Kind::Refunds => self.all_refunds().for_each(|refund| {
                rows.push(&serde_json::json!({
                    "id": self.id_text(kind, refund.key.serial), "created": refund.key.created,
                    "status": refund.status, "amount": refund.amount, "currency": refund.currency.as_str(),
                    "charge": self.id_text(Kind::Charges, refund.charge),
                }));
            }),
            Kind::Disputes => self.all_disputes().for_each(|dispute| {
                rows.push(&serde_json::json!({
                    "id": self.id_text(kind, dispute.key.serial), "created": dispute.key.created,
                    "status": dispute.status, "amount": dispute.amount, "currency": dispute.currency.as_str(),
                    "charge": self.id_text(Kind::Charges, dispute.charge),
                }));
            }),
            Kind::Events => self.events.between(i64::MIN, i64::MAX, now).for_each(|(key, event)| {
                rows.push(&serde_json::json!({ "id": event.id, "created": key.created, "type": event.kind }));
            }),
        }
        rows.0.push(b']');
        rows.0
    }
}

struct Rows(Vec<u8>);

impl Rows {
    fn push(&mut self, row: &serde_json::Value) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        // Writing to a vector cannot fail.
        drop(write!(self.0, "{row}"));
    }
}
