//! Tests of what counts as a difference, and of what is said about it.

use buffalo_model::{EventStatus, PaymentKind, PaymentStatus};

use super::*;

const START: &str = "2026-11-23T08:00:00Z";
const CREATED: &str = "2026-01-02T03:04:05.678Z";

/// What is said of a change to a stored row, and the change.
type Change<T> = (&'static str, fn(&mut T));

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn contact() -> (Contact, StoredContact) {
    let listed = Contact {
        email: some("one@example.com"),
        first_name: some("First"),
        last_name: some("Last"),
        phone: some("+44 20"),
        company: some("Example Ltd"),
        lifecycle_stage: some("customer"),
        deleted: false,
    };
    let stored = StoredContact {
        external_id: "1".to_owned(),
        deleted: false,
        email: some("one@example.com"),
        first_name: some("First"),
        last_name: some("Last"),
        phone: some("+44 20"),
        company: some("Example Ltd"),
        lifecycle_stage: some("customer"),
    };
    (listed, stored)
}

fn event() -> (Event, StoredEvent) {
    let listed = Event {
        calendar_external_id: "one@example.com".to_owned(),
        status: EventStatus::Confirmed,
        raw_status: "confirmed".to_owned(),
        title: some("Salaries"),
        description: None,
        location: some("Room 4"),
        organizer_email: some("one@example.com"),
        starts: Some(EventTime::At(at(START))),
        ends: Some(EventTime::At(at("2026-11-23T09:00:00Z"))),
        time_zone: some("Europe/Berlin"),
        recurrence: None,
        recurring_event_external_id: some("one@example.com/series"),
        original_start: Some(EventTime::Day(day("2026-11-24"))),
        created_at: Some(at(CREATED)),
    };
    let stored = StoredEvent {
        external_id: "one@example.com/1".to_owned(),
        deleted: false,
        calendar_external_id: some("one@example.com"),
        status: "CONFIRMED".to_owned(),
        raw_status: "confirmed".to_owned(),
        title: some("Salaries"),
        description: None,
        location: some("Room 4"),
        organizer_email: some("one@example.com"),
        starts_at: Some(at(START)),
        start_date: None,
        ends_at: Some(at("2026-11-23T09:00:00Z")),
        end_date: None,
        time_zone: some("Europe/Berlin"),
        recurrence: None,
        recurring_event_external_id: some("one@example.com/series"),
        original_starts_at: None,
        original_start_date: Some(day("2026-11-24")),
        vendor_created_at: Some(at(CREATED)),
    };
    (listed, stored)
}

fn of_contacts(listed: Contact, stored: StoredContact) -> Option<String> {
    differs(&Normalised::Contact(listed), Some(&StoredState::Contact(stored)))
}

fn of_events(listed: Event, stored: StoredEvent) -> Option<String> {
    differs(&Normalised::Event(listed), Some(&StoredState::Event(Box::new(stored))))
}

#[test]
fn equals_do_not_differ() {
    let (listed, stored) = contact();
    assert_eq!(of_contacts(listed, stored), None);
    let (listed, stored) = event();
    assert_eq!(of_events(listed, stored), None);
}

#[test]
fn what_is_not_on_both_sides_is_said() {
    let (listed, stored) = contact();
    let alive = Normalised::Contact(listed.clone());
    let in_the_bin = Normalised::Contact(Contact { deleted: true, ..listed });
    let kept = StoredState::Contact(StoredContact { deleted: true, ..stored.clone() });
    let stored = StoredState::Contact(stored);
    assert_eq!(differs(&alive, None).unwrap(), "listed by the source, and not stored");
    assert_eq!(differs(&alive, Some(&kept)).unwrap(), "alive at the source and stored as gone");
    for gone in [in_the_bin, Normalised::Gone] {
        assert_eq!(differs(&gone, None), None);
        assert_eq!(differs(&gone, Some(&stored)).unwrap(), "gone at the source");
        assert_eq!(differs(&gone, Some(&kept)), None);
    }
}

#[test]
fn what_is_gone_on_both_sides_is_not_looked_into() {
    let (listed, stored) = contact();
    let listed = Contact { deleted: true, email: None, ..listed };
    assert_eq!(of_contacts(listed, StoredContact { deleted: true, ..stored }), None);

    // A cancelled event often comes with its id alone, and what was known of it is kept.
    let (listed, stored) = event();
    let listed =
        Event { status: EventStatus::Cancelled, title: None, starts: None, created_at: None, ..listed };
    assert_eq!(of_events(listed, StoredEvent { deleted: true, ..stored }), None);
}

#[test]
fn a_payment_differs_in_everything_that_revenue_is_made_of() {
    let listed = Normalised::Payment(Payment {
        kind: PaymentKind::Charge,
        status: PaymentStatus::Collected,
        raw_status: "succeeded".to_owned(),
        amount_minor: 100,
        uncaptured_minor: 0,
        capturable_minor: 0,
        withdrawn_minor: 0,
        money_moved: None,
        without_payment: false,
        claimed_refunded_minor: None,
        claimed_disputed: false,
        customer_email: None,
        currency: "USD".parse().unwrap(),
        occurred_at: at(START),
        parent_external_id: None,
        customer_external_id: None,
        deleted: false,
    });
    let stored = StoredPayment {
        external_id: "ch_1".to_owned(),
        deleted: false,
        status: "COLLECTED".to_owned(),
        amount_minor: 100,
        currency: "USD".to_owned(),
        uncaptured_minor: 0,
        capturable_minor: 0,
        withdrawn_minor: 0,
        money_moved: None,
        without_payment: false,
        occurred_at: at(START),
        parent_external_id: None,
    };
    let told = |stored: StoredPayment| differs(&listed, Some(&StoredState::Payment(stored)));
    assert_eq!(told(stored.clone()), None);
    let changes: [Change<StoredPayment>; 10] = [
        ("status and amount (listed as COLLECTED 100 USD, stored as FAILED 100 USD)", |stored| {
            stored.status = "FAILED".to_owned();
        }),
        ("status and amount (listed as COLLECTED 100 USD, stored as COLLECTED 101 USD)", |stored| {
            stored.amount_minor = 101;
        }),
        ("status and amount (listed as COLLECTED 100 USD, stored as COLLECTED 100 EUR)", |stored| {
            stored.currency = "EUR".to_owned();
        }),
        ("uncaptured amount (listed as 0, stored as 7)", |stored| stored.uncaptured_minor = 7),
        ("amount that may still be captured (listed as 0, stored as 7)", |stored| {
            stored.capturable_minor = 7;
        }),
        ("withdrawn amount (listed as 0, stored as 7)", |stored| stored.withdrawn_minor = 7),
        ("money moved (listed as none, stored as yes)", |stored| stored.money_moved = Some(true)),
        ("without a payment (listed as no, stored as yes)", |stored| stored.without_payment = true),
        ("time (listed as 2026-11-23T08:00:00Z, stored as 2026-11-23T08:00:01Z)", |stored| {
            stored.occurred_at += TimeDelta::seconds(1);
        }),
        ("charge (listed as none, stored as ch_2)", |stored| stored.parent_external_id = some("ch_2")),
    ];
    for (what, change) in changes {
        let mut wrong = stored.clone();
        change(&mut wrong);
        assert_eq!(told(wrong).unwrap(), format!("differs in {what}"));
    }
}

#[test]
fn every_field_of_a_contact_counts_and_only_its_name_is_told() {
    let changes: [Change<StoredContact>; 6] = [
        ("e-mail", |stored| stored.email = some("other@example.com")),
        ("first name", |stored| stored.first_name = some("Other")),
        ("last name", |stored| stored.last_name = some("Another")),
        ("phone", |stored| stored.phone = None),
        ("company", |stored| stored.company = some("example ltd")),
        ("lifecycle stage", |stored| stored.lifecycle_stage = some("lead")),
    ];
    let (_, mut all_wrong) = contact();
    for (field, change) in changes {
        let (listed, mut stored) = contact();
        change(&mut stored);
        change(&mut all_wrong);
        assert_eq!(of_contacts(listed, stored).unwrap(), format!("differs in {field}"));
    }
    assert_eq!(
        of_contacts(contact().0, all_wrong).unwrap(),
        "differs in e-mail, first name, last name, phone, company, lifecycle stage"
    );
}

#[test]
fn every_field_of_an_event_counts_and_what_people_wrote_is_not_told() {
    let changes: [Change<StoredEvent>; 14] = [
        ("calendar", |stored| stored.calendar_external_id = None),
        ("status (listed as CONFIRMED, stored as TENTATIVE)", |stored| {
            stored.status = "TENTATIVE".to_owned();
        }),
        ("vendor's status (listed as confirmed, stored as maybe)", |stored| {
            stored.raw_status = "maybe".to_owned();
        }),
        ("title", |stored| stored.title = some("Wages")),
        ("description", |stored| stored.description = some("Secret")),
        ("location", |stored| stored.location = None),
        ("organizer", |stored| stored.organizer_email = some("other@example.com")),
        ("start (listed as 2026-11-23T08:00:00Z, stored as 2026-11-23T08:00:00.000001Z)", |stored| {
            stored.starts_at = Some(at("2026-11-23T08:00:00.000001Z"));
        }),
        ("end (listed as 2026-11-23T09:00:00Z, stored as none)", |stored| stored.ends_at = None),
        ("time zone (listed as Europe/Berlin, stored as UTC)", |stored| stored.time_zone = some("UTC")),
        ("recurrence (listed as none, stored as RRULE:FREQ=DAILY EXDATE:20261124)", |stored| {
            stored.recurrence = some("RRULE:FREQ=DAILY\nEXDATE:20261124");
        }),
        ("series", |stored| stored.recurring_event_external_id = some("one@example.com/other")),
        ("original start (listed as 2026-11-24, stored as 2026-11-25)", |stored| {
            stored.original_start_date = Some(day("2026-11-25"));
        }),
        ("creation (listed as 2026-01-02T03:04:05.678Z, stored as none)", |stored| {
            stored.vendor_created_at = None;
        }),
    ];
    for (what, change) in changes {
        let (listed, mut stored) = event();
        change(&mut stored);
        assert_eq!(of_events(listed, stored).unwrap(), format!("differs in {what}"));
    }
}

#[test]
fn a_day_is_no_moment() {
    let (listed, stored) = event();
    let all_day = Event { starts: Some(EventTime::Day(day("2026-11-23"))), ..listed };
    let what = "differs in start (listed as 2026-11-23, stored as 2026-11-23T08:00:00Z)";
    assert_eq!(of_events(all_day.clone(), stored.clone()).unwrap(), what);
    let both = StoredEvent { start_date: Some(day("2026-11-23")), ..stored.clone() };
    let what = "differs in start (listed as 2026-11-23, stored as 2026-11-23 and 2026-11-23T08:00:00Z)";
    assert_eq!(of_events(all_day.clone(), both.clone()).unwrap(), what);
    assert_eq!(of_events(all_day, StoredEvent { starts_at: None, ..both }), None);
}

#[test]
fn what_a_column_does_not_hold_is_no_difference() {
    let (listed, stored) = event();
    for listed_at in ["2026-11-23T08:00:00.000000999Z", "2026-11-23T07:59:59.999999001Z"] {
        let listed = Event { starts: Some(EventTime::At(at(listed_at))), ..listed.clone() };
        assert_eq!(of_events(listed, stored.clone()), None, "{listed_at}");
    }
}

#[test]
fn values_are_cut_and_tell_a_terminal_nothing() {
    let (listed, stored) = event();
    let listed = Event { recurrence: Some("é".repeat(41)), ..listed };
    let stored = StoredEvent { recurrence: Some(format!("\u{1b}[2J{}", "x".repeat(36))), ..stored };
    let what =
        format!("differs in recurrence (listed as {}…, stored as  [2J{})", "é".repeat(40), "x".repeat(36));
    assert_eq!(of_events(listed, stored).unwrap(), what);
}
