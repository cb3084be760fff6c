//! What may happen to payments, and what may be asked, at random.

use buffalo_model::{Basis, Currency, Payment, PaymentKind, PaymentStatus};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// A page is stored and claimed by a worker; what it becomes is written when its turn comes.
    Fetch(Vec<(usize, Became)>),
    /// One of the workers writes what it claimed, be it older than what is known or newer.
    Upsert(usize),
    /// Somebody who knows SQL changes all columns of a row.
    Update(At, Payment),
    /// A row that there was not.
    Insert(At, Payment),
    /// All rows of a source move.
    Shift(Source, TimeDelta),
    /// A row gets another id.
    Rename(At, usize),
    /// A row is deleted for good.
    Delete(At),
    /// All rows are.
    Truncate,
    /// A payment is not counted any more.
    Exclude(At),
    /// It is again.
    Include(At),
    /// The decision is deleted.
    Forget(At),
    /// The decision is made to be about another payment.
    Repoint(At, usize),
    /// Changed buckets are computed anew.
    Settle,
}

/// What a record became; nothing if it is gone.
pub type Became = Option<Payment>;

/// The source and id of a payment, by their places.
pub type At = (Source, usize);

/// The place of a source in [`SOURCES`].
pub type Source = usize;

pub const SOURCES: [&str; 2] = ["stripe", "hubspot"];
pub const IDS: usize = 9;

/// The first of them are those of sales.
pub fn id(place: usize) -> String {
    format!("{}_{place}", if place < 4 { "ch" } else { "re" })
}

/// A question, without how finely it is cut.
#[derive(Debug, Clone)]
pub struct Question {
    pub zone: Tz,
    pub basis: Basis,
    pub source: Option<Source>,
    pub currency: Currency,
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
    pub known: Known,
}

/// As of when.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    Now,
    /// Now too, but asked for as if it were an instant.
    AtTheEnd,
    /// After a step.
    After(usize),
}

/// The day around which everything happens.
fn day(number: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 10, 20).unwrap() + TimeDelta::days(number)
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    let edges = select(vec![0, 1, 449_999_999, 899_999_999]);
    let near = (0_i64..150, 0_i64..96, edges).prop_map(|(number, quarter, micros)| {
        let begins = day(number).and_time(chrono::NaiveTime::MIN).and_utc();
        begins + TimeDelta::minutes(15 * quarter) + TimeDelta::microseconds(micros)
    });
    // Clocks were put back over midnight in St. John's, and were no whole minutes off in Monrovia.
    let odd =
        ["2010-11-07T02:45:00Z", "2010-11-07T03:30:00Z", "1971-12-31T00:44:29Z", "1971-12-31T00:44:30Z"];
    let odd: Vec<DateTime<Utc>> = odd.iter().map(|at| at.parse().unwrap()).collect();
    prop_oneof![12 => near, 1 => select(odd)]
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0_i64..50, 4 => 0_i64..100_000, 1 => Just(i64::MAX)]
}

fn currency() -> impl Strategy<Value = Currency> {
    select(vec!["USD", "USD", "USD", "EUR", "JPY", "BHD"]).prop_map(|code| code.parse().unwrap())
}

fn status() -> impl Strategy<Value = PaymentStatus> {
    use PaymentStatus::*;
    select(vec![Collected, Refunded, Refunded, Disputed, Pending, Voided, Failed, Unknown])
}

/// A payment as its id has it, most of the time.
fn payment(place: usize) -> impl Strategy<Value = Payment> {
    use PaymentKind::{Charge, Credit, Deal, Dispute, Refund};
    let (usual, odd) = if place < 4 {
        (vec![Charge, Charge, Deal, Credit], Refund)
    } else {
        (vec![Refund, Refund, Refund, Dispute], Charge)
    };
    let kind = prop_oneof![15 => select(usual), 1 => Just(odd)];
    let usual_status = if place < 4 { PaymentStatus::Collected } else { PaymentStatus::Refunded };
    let status = prop_oneof![2 => Just(usual_status), 1 => status()];
    // Released, captured in part, or both; and refunds that say, or don't, whether they moved money.
    let captures = (
        prop_oneof![Just(0), amount()],
        prop_oneof![3 => Just(0), 1 => amount()],
        prop::option::of(amount()),
    );
    let refunded = (prop::option::of(any::<bool>()), prop::bool::weighted(0.15));
    let parent = prop_oneof![9 => (0_usize..2).prop_map(Some), 1 => (0..IDS).prop_map(Some), 1 => Just(None)];
    let deleted = prop::bool::weighted(0.1);
    (kind, status, amount(), captures, refunded, amount(), currency(), moment(), parent, deleted).prop_map(
        |(
            kind,
            status,
            amount_minor,
            (uncaptured_minor, capturable_minor, claimed_refunded_minor),
            (money_moved, without_payment),
            withdrawn_minor,
            currency,
            occurred_at,
            parent,
            deleted,
        )| {
            Payment {
                kind,
                status,
                raw_status: "any".to_owned(),
                amount_minor,
                uncaptured_minor,
                capturable_minor,
                withdrawn_minor,
                money_moved,
                without_payment,
                claimed_refunded_minor,
                claimed_disputed: false,
                currency,
                occurred_at,
                parent_external_id: parent.map(id),
                customer_external_id: None,
                customer_email: None,
                deleted,
            }
        },
    )
}

fn at() -> impl Strategy<Value = At> {
    (prop_oneof![3 => Just(0_usize), 1 => Just(1)], 0..IDS)
}

fn row() -> impl Strategy<Value = (At, Payment)> {
    at().prop_flat_map(|at| payment(at.1).prop_map(move |payment| (at, payment)))
}

pub fn step() -> impl Strategy<Value = Step> {
    let became = (0..IDS).prop_flat_map(|place| {
        prop_oneof![9 => payment(place).prop_map(Some), 1 => Just(None)]
            .prop_map(move |became| (place, became))
    });
    let shift = (0..SOURCES.len(), select(vec![-86_400, -900, 1, 900, 3_600, 86_400]))
        .prop_map(|(source, seconds)| Step::Shift(source, TimeDelta::seconds(seconds)));
    prop_oneof![
        8 => prop::collection::vec(became, 1..6).prop_map(Step::Fetch),
        6 => (0_usize..3).prop_map(Step::Upsert),
        4 => row().prop_map(|(at, payment)| Step::Update(at, payment)),
        4 => row().prop_map(|(at, payment)| Step::Insert(at, payment)),
        1 => shift,
        1 => (at(), 0..IDS).prop_map(|(at, to)| Step::Rename(at, to)),
        2 => at().prop_map(Step::Delete),
        1 => Just(Step::Truncate),
        3 => at().prop_map(Step::Exclude),
        1 => at().prop_map(Step::Include),
        1 => at().prop_map(Step::Forget),
        1 => (at(), 0..IDS).prop_map(|(at, to)| Step::Repoint(at, to)),
        4 => Just(Step::Settle),
    ]
}

pub fn question() -> impl Strategy<Value = Question> {
    let zones = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Apia",
        "Antarctica/Troll",
        "America/St_Johns",
        "Africa/Monrovia",
    ];
    let zone = select(zones.map(|name| name.parse::<Tz>().unwrap()).to_vec());
    let basis = select(vec![Basis::Event, Basis::Payment]);
    let range = prop_oneof![
        3 => Just((None, None)),
        2 => (0_i64..150, 0_i64..90).prop_map(|(from, days)| (Some(day(from)), Some(day(from + days)))),
        1 => (0_i64..150).prop_map(|from| (Some(day(from)), None)),
        1 => (0_i64..150).prop_map(|to| (None, Some(day(to)))),
        1 => Just((Some(day(-20_000)), Some(day(2_000)))),
    ];
    let known = prop_oneof![6 => Just(Known::Now), 1 => Just(Known::AtTheEnd), 2 => (0_usize..30).prop_map(Known::After)];
    let source = prop_oneof![2 => Just(None), 1 => (0..SOURCES.len()).prop_map(Some)];
    (zone, basis, source, currency(), range, known).prop_map(
        |(zone, basis, source, currency, (start, end), known)| Question {
            zone,
            basis,
            source,
            currency,
            start,
            end,
            known,
        },
    )
}
