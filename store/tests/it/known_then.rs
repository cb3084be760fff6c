//! Figures as they were known at an instant: what was answered then is answered again, whatever became of it since.

use buffalo_model::{
    Basis, Granularity, Normalised, Payment, PaymentKind, PaymentStatus, Revenue, RevenueQuery,
};
use buffalo_store::UpsertRow;
use chrono::{DateTime, TimeDelta, Utc};

use crate::fixture::{Fixture, T0, payment, record};

/// A minute of the story that a test tells.
pub fn minute(number: i64) -> DateTime<Utc> {
    T0 + TimeDelta::minutes(number)
}

/// Writes and processes a state of a payment at that minute.
pub async fn say(fixture: &mut Fixture, at: i64, id: &str, payment: Payment) {
    let payload = format!("{{\"id\": \"{id}\", \"minute\": {at}}}");
    fixture.write(&[record(id, at, &payload)]).await.unwrap();
    let mut batch = fixture.claim(10).await.unwrap();
    let upserts = [UpsertRow { row: 0, value: Normalised::Payment(payment) }];
    assert!(batch.upsert(&upserts, minute(at)).await.unwrap().is_empty());
    batch.settle(&[], &[], minute(at)).await.unwrap();
}

/// A return of the charge `ch_1`.
pub fn given_back(kind: PaymentKind, status: PaymentStatus, amount: i64, day: i64) -> Payment {
    Payment {
        kind,
        status,
        parent_external_id: Some("ch_1".to_owned()),
        occurred_at: T0 + TimeDelta::days(day),
        ..payment(amount)
    }
}

async fn daily(fixture: &Fixture, basis: Basis, as_of: Option<DateTime<Utc>>) -> Revenue {
    let query = RevenueQuery { basis, as_of, ..RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap()) };
    fixture.store.revenue(query, &[], minute(0)).await.unwrap()
}

/// Somebody decides, or decided, that another payment stands for this one.
pub async fn decide(fixture: &Fixture, id: &str, at: i64) {
    let decided = format!(
        "INSERT INTO revenue_exclusions (id, source, entity, external_id, counted_source, counted_entity,
             counted_external_id, reason, decided_by, decided_at)
         VALUES (gen_random_uuid(), 'stripe', 'payments', '{id}', 'hubspot', 'payments', 'deal:1', '', '', '{}')",
        minute(at)
    );
    fixture.run(&decided).await;
}

/// All decisions are revoked.
pub async fn revoke(fixture: &Fixture, at: i64) {
    let revoked = format!("UPDATE revenue_exclusions SET revoked_by = '', revoked_at = '{}'", minute(at));
    fixture.run(&revoked).await;
}

#[tokio::test]
async fn what_was_answered_then_is_answered_again() {
    let mut fixture = Fixture::new().await;
    let dispute = |status, withdrawn_minor| Payment {
        withdrawn_minor,
        ..given_back(PaymentKind::Dispute, status, 300, 2)
    };
    let mut said = Vec::new();
    for at in (10..=100).step_by(10) {
        match at {
            10 => say(&mut fixture, at, "ch_1", payment(1000)).await,
            20 => {
                let refund = given_back(PaymentKind::Refund, PaymentStatus::Refunded, 200, 1);
                say(&mut fixture, at, "re_1", refund).await;
            }
            30 => say(&mut fixture, at, "dp_1", dispute(PaymentStatus::Pending, 250)).await,
            40 => say(&mut fixture, at, "dp_1", dispute(PaymentStatus::Voided, 0)).await,
            50 => say(&mut fixture, at, "ch_2", payment(5000)).await,
            60 => {
                let moved = Payment { occurred_at: T0 + TimeDelta::days(3), ..payment(5000) };
                say(&mut fixture, at, "ch_2", moved).await;
            }
            70 => say(&mut fixture, at, "ch_2", Payment { deleted: true, ..payment(5000) }).await,
            80 => decide(&fixture, "ch_1", at).await,
            90 => revoke(&fixture, at).await,
            _ => say(&mut fixture, at, "ch_1", payment(900)).await,
        }
        for basis in [Basis::Event, Basis::Payment] {
            said.push((at, basis, daily(&fixture, basis, None).await));
        }
    }
    // Every step changed something, or the test shows nothing.
    let of_events: Vec<_> = said.iter().filter(|(_, basis, _)| *basis == Basis::Event).collect();
    assert!(of_events.windows(2).all(|pair| pair[0].2.breakdown != pair[1].2.breakdown));
    for (at, basis, then) in &said {
        for second in [0, 599] {
            let instant = minute(*at) + TimeDelta::seconds(second);
            let again = daily(&fixture, *basis, Some(instant)).await;
            assert_eq!(
                (again.total, &again.breakdown),
                (then.total, &then.breakdown),
                "{basis:?}, {second} s after minute {at}"
            );
        }
    }
    let now = daily(&fixture, Basis::Event, None).await;
    let later = daily(&fixture, Basis::Event, Some(minute(1_000_000))).await;
    assert_eq!((later.total, later.breakdown), (now.total, now.breakdown), "the future is as now");
    let before = daily(&fixture, Basis::Event, Some(minute(9))).await;
    assert_eq!((before.total, before.breakdown.len()), (Default::default(), 0), "nothing was known");
    fixture.database.drop_it().await;
}
