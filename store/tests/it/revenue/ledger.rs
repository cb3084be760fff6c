//! Revenue as a naive model reckons it: payments in a map, days by another library, and nothing remembered.

use std::collections::{BTreeMap, BTreeSet};

use buffalo_model::{
    Basis, Currency, Figures, Granularity, Measure, Payment, PaymentKind, PaymentStatus, RevenueQuery,
};
use chrono::{DateTime, NaiveDate, Utc};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A payment by its source and id.
pub type Key = (&'static str, String);

/// What is known of payments.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// With the revisions of their states.
    pub payments: BTreeMap<Key, (i64, Payment)>,
    /// Those of which another payment stands for the same sale.
    pub excluded: BTreeSet<Key>,
}

/// What a payment counts for.
#[derive(Debug)]
struct Counted {
    source: &'static str,
    currency: Currency,
    /// None where both are the same.
    basis: Option<Basis>,
    measure: Measure,
    at: DateTime<Utc>,
    amount: i128,
    /// Whether there is no charge on whose day it could count.
    alone: bool,
}

/// What should be answered.
#[derive(Debug, Default, PartialEq)]
pub struct Expected {
    pub totals: BTreeMap<Currency, Figures>,
    pub breakdown: BTreeMap<NaiveDate, Figures>,
    pub unattributed: BTreeMap<Currency, Figures>,
}

impl Ledger {
    pub fn answer(&self, query: &RevenueQuery) -> Expected {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(query.timezone.name()).unwrap();
        let mut expected = Expected::default();
        for counted in self.counted() {
            let day = day_of(counted.at, &zone);
            let date = to_chrono(day);
            let outside = query.start_date.is_some_and(|first| date < first)
                || query.end_date.is_some_and(|last| date > last)
                || query.source.as_ref().is_some_and(|only| only.as_str() != counted.source);
            if outside {
                continue;
            }
            if query.basis == Basis::Payment && counted.basis == Some(Basis::Event) && counted.alone {
                add(expected.unattributed.entry(counted.currency).or_default(), &counted);
            }
            if counted.basis.is_none_or(|basis| basis == query.basis) {
                add(expected.totals.entry(counted.currency).or_default(), &counted);
                if counted.currency == query.currency && query.granularity != Granularity::Summary {
                    let first_day = to_chrono(first_day_of(query.granularity, day));
                    add(expected.breakdown.entry(first_day).or_default(), &counted);
                }
            }
        }
        // What nothing was collected in, and nothing given back, is no piece of an answer.
        let counts = |figures: &Figures| figures.count != 0 || figures.refunded != 0 || figures.disputed != 0;
        expected.breakdown.retain(|_, figures| counts(figures));
        expected
    }

    fn counted(&self) -> Vec<Counted> {
        let mut all = Vec::new();
        for (key, (_, payment)) in self.payments.iter().filter(|(_, (_, payment))| !payment.deleted) {
            let entry = |basis, measure, at, amount, alone| Counted {
                source: key.0,
                currency: payment.currency,
                basis,
                measure,
                at,
                amount,
                alone,
            };
            if !is_return(payment) {
                let measure = match payment.status {
                    PaymentStatus::Collected | PaymentStatus::Refunded
                        if payment.kind == PaymentKind::Credit =>
                    {
                        Measure::Refunded
                    }
                    PaymentStatus::Pending if payment.kind == PaymentKind::Credit => Measure::PendingReturn,
                    PaymentStatus::Collected if self.excluded.contains(key) => Measure::Excluded,
                    PaymentStatus::Collected => Measure::Collected,
                    PaymentStatus::Pending => Measure::Pending,
                    PaymentStatus::Unknown => Measure::Unknown,
                    _ => continue,
                };
                all.push(entry(None, measure, payment.occurred_at, payment.amount_minor.into(), false));
                if payment.status == PaymentStatus::Collected && payment.capturable_minor > 0 {
                    let more = payment.capturable_minor.into();
                    all.push(entry(None, Measure::Pending, payment.occurred_at, more, false));
                }
                continue;
            }
            if payment.without_payment
                && (payment.kind, payment.status) == (PaymentKind::Refund, PaymentStatus::Refunded)
                && payment.amount_minor > 0
            {
                let amount = payment.amount_minor.into();
                all.push(entry(None, Measure::RefundWithoutPayment, payment.occurred_at, amount, false));
            }
            let sale = self.sale_of(key, payment);
            for (measure, amount) in self.given_back(key, payment) {
                all.push(entry(Some(Basis::Event), measure, payment.occurred_at, amount, sale.is_none()));
                if let Some(sale) = sale {
                    all.push(entry(Some(Basis::Payment), measure, sale.occurred_at, amount, false));
                }
            }
        }
        all
    }

    fn sale_of(&self, key: &Key, payment: &Payment) -> Option<&Payment> {
        let parent = (key.0, payment.parent_external_id.clone()?);
        self.payments.get(&parent).map(|(_, sale)| sale).filter(|sale| !is_return(sale))
    }

    fn given_back(&self, key: &Key, payment: &Payment) -> Vec<(Measure, i128)> {
        let amount = i128::from(payment.amount_minor);
        let withdrawn = amount.min(payment.withdrawn_minor.into());
        let mut counts = match payment.status {
            PaymentStatus::Refunded if payment.without_payment => vec![],
            PaymentStatus::Refunded => vec![(Measure::Refunded, amount - self.released(key, payment))],
            PaymentStatus::Disputed => vec![(Measure::Disputed, amount)],
            PaymentStatus::Voided => vec![(Measure::Disputed, payment.withdrawn_minor.into())],
            PaymentStatus::Pending if payment.without_payment => vec![(Measure::Withdrawn, withdrawn)],
            PaymentStatus::Pending => {
                vec![(Measure::Withdrawn, withdrawn), (Measure::PendingReturn, amount - withdrawn)]
            }
            PaymentStatus::Unknown => vec![(Measure::Unknown, amount)],
            _ => vec![],
        };
        counts.retain(|(_, amount)| *amount > 0);
        counts
    }

    /// What of a refund gave nothing back, as it was never captured.
    fn released(&self, key: &Key, payment: &Payment) -> i128 {
        let Some(sale) = self.sale_of(key, payment) else { return 0 };
        let mut refunds: Vec<_> = self
            .payments
            .iter()
            .filter(|(other, (_, sibling))| {
                other.0 == key.0
                    && is_return(sibling)
                    && sibling.status == PaymentStatus::Refunded
                    && !sibling.deleted
                    && sibling.parent_external_id == payment.parent_external_id
            })
            .map(|(other, (_, refund))| {
                let order = match refund.money_moved {
                    Some(false) => 0,
                    None => 1,
                    Some(true) => 2,
                };
                (order, refund.occurred_at, other, i128::from(refund.amount_minor))
            })
            .collect();
        refunds.sort();
        let sum = |wanted: &[i32]| -> i128 {
            refunds.iter().filter(|refund| wanted.contains(&refund.0)).map(|refund| refund.3).sum()
        };
        let all = sum(&[0, 1, 2]);
        let captured = if sale.status == PaymentStatus::Collected { sale.amount_minor.into() } else { 0 };
        let known_to_have_moved = sum(&[2]).max(sale.claimed_refunded_minor.unwrap_or(0).into());
        let releases = [sum(&[0]), all - known_to_have_moved, all - captured];
        let mut left = releases.into_iter().max().unwrap().clamp(0, sale.uncaptured_minor.into());
        for (_, _, other, amount) in refunds {
            let taken = left.min(amount);
            if other == key {
                return taken;
            }
            left -= taken;
        }
        0
    }
}

fn is_return(payment: &Payment) -> bool {
    matches!(payment.kind, PaymentKind::Refund | PaymentKind::Dispute)
}

fn add(figures: &mut Figures, counted: &Counted) {
    let (sum, number) = match counted.measure {
        Measure::Collected => (&mut figures.collected, Some(&mut figures.count)),
        Measure::Refunded => (&mut figures.refunded, None),
        Measure::Disputed => (&mut figures.disputed, None),
        Measure::Withdrawn => {
            figures.withdrawn += counted.amount;
            (&mut figures.disputed, None)
        }
        Measure::Pending => (&mut figures.pending, Some(&mut figures.pending_count)),
        Measure::PendingReturn => (&mut figures.pending_returns, Some(&mut figures.pending_returns_count)),
        Measure::Unknown => (&mut figures.unknown, Some(&mut figures.unknown_count)),
        Measure::Excluded => (&mut figures.excluded, Some(&mut figures.excluded_count)),
        Measure::RefundWithoutPayment => {
            (&mut figures.refunds_without_payment, Some(&mut figures.refunds_without_payment_count))
        }
    };
    *sum += counted.amount;
    if let Some(number) = number {
        *number += 1;
    }
}

/// The day of an instant: the last one that has begun. Where clocks are put back over midnight, the time that is shown
/// again is still of the day that began.
fn day_of(at: DateTime<Utc>, zone: &TimeZone) -> Date {
    let at = Timestamp::from_microsecond(at.timestamp_micros()).unwrap();
    let shown = at.to_zoned(zone.clone()).date();
    let next = shown.tomorrow().unwrap();
    let begins = next.to_zoned(zone.clone()).unwrap().start_of_day().unwrap();
    if begins.timestamp() <= at { next } else { shown }
}

fn first_day_of(granularity: Granularity, day: Date) -> Date {
    match granularity {
        Granularity::Summary | Granularity::Daily => day,
        Granularity::Weekly => day - i64::from(day.weekday().to_monday_zero_offset()).days(),
        Granularity::Monthly => day.first_of_month(),
        Granularity::Quarterly => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).unwrap(),
        Granularity::Yearly => day.first_of_year(),
    }
}

fn to_chrono(day: Date) -> NaiveDate {
    day.to_string().parse().unwrap()
}
