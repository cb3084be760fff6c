//! The properties that records have, and how each is written.

use super::account::COMPANY_CURRENCY;
use super::record::{Kind, Record};
use super::values::{
    push_amount, push_flag, push_null, push_number, push_parts, push_plain, push_text, push_time,
    push_time_if,
};

/// A property: its name, and what writes its value.
pub(super) type Field = (&'static str, fn(&mut Vec<u8>, &Record<'_>));

/// What is answered when no properties are asked for.
pub(super) fn usual(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Deals => &[
            "amount",
            "closedate",
            "createdate",
            "dealname",
            "dealstage",
            "hs_lastmodifieddate",
            "hs_object_id",
            "pipeline",
        ],
        Kind::Contacts => {
            &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"]
        }
    }
}

/// The properties of a kind.
pub(super) fn of(kind: Kind) -> impl Iterator<Item = &'static Field> {
    let own = match kind {
        Kind::Deals => DEALS,
        Kind::Contacts => CONTACTS,
    };
    COMMON.iter().chain(own)
}

const FIRST_NAMES: &[&str] =
    &["Ada", "Brian", "Chiara", "Deniz", "Elif", "Finn", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Maria"];
const LAST_NAMES: &[&str] =
    &["Almeida", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "Johnson", "Kowalski", "Okafor", "Sato"];
const COMPANIES: &[&str] =
    &["Northwind", "Contoso", "Globex", "Initech", "Umbrella", "Hooli", "Stark", "Wayne", "Acme", "Soylent"];
const DESCRIPTIONS: &[&str] = &[
    "Asked for a quote at the trade fair; wants the start in the first week of the quarter.",
    "Renews if the price stays. Legal has the contract, procurement asked for net 30.",
];
const CITIES: &[(&str, &str)] = &[
    ("Berlin", "Germany"),
    ("Brisbane", "Australia"),
    ("Lisbon", "Portugal"),
    ("Osaka", "Japan"),
    ("Kuwait City", "Kuwait"),
    ("Boston", "United States"),
];

/// One of `choices`, by the bits of the record's draw from `shift` on; none for a record that nothing was invented for.
fn pick<T: Copy>(record: &Record<'_>, shift: u32, choices: &[T]) -> Option<T> {
    choices.get((record.draw? >> shift) as usize % choices.len().max(1)).copied()
}

fn push_pick(out: &mut Vec<u8>, record: &Record<'_>, shift: u32, choices: &[&str]) {
    push_plain(out, pick(record, shift, choices));
}

const COMMON: &[Field] = &[
    ("hs_object_id", |out, record| push_number(out, record.id)),
    ("createdate", |out, record| push_time(out, record.created_ms)),
    ("hs_createdate", |out, record| push_time(out, record.created_ms)),
    ("hs_object_source", |out, record| push_plain(out, record.draw.map(|_| "CRM_UI"))),
    ("hs_object_source_id", |out, record| {
        push_pick(out, record, 3, &["userId:73074756", "userId:73074757"]);
    }),
    ("hs_object_source_label", |out, record| push_plain(out, record.draw.map(|_| "CRM_UI"))),
    ("hubspot_owner_id", |out, record| {
        push_pick(out, record, 5, &["904875188", "904875189", "904875190"]);
    }),
    ("hubspot_team_id", |out, _| push_null(out)),
    ("hs_analytics_source", |out, record| {
        push_pick(out, record, 7, &["OFFLINE", "ORGANIC_SEARCH", "REFERRALS"]);
    }),
    ("hs_merged_object_ids", |out, record| match record.merged {
        [] => push_null(out),
        ids => push_text(out, Some(&ids.iter().map(u64::to_string).collect::<Vec<_>>().join(";"))),
    }),
];

const DEALS: &[Field] = &[
    ("hs_lastmodifieddate", |out, record| push_time(out, record.modified_ms)),
    ("dealname", |out, record| match (pick(record, 9, COMPANIES), pick(record, 13, CITIES)) {
        (Some(company), Some((city, _))) => {
            push_parts(out, &[company, " ", city, " - annual subscription, 12 months"]);
        }
        _ => push_null(out),
    }),
    ("dealtype", |out, record| push_pick(out, record, 17, &["newbusiness", "existingbusiness"])),
    ("description", |out, record| {
        push_pick(out, record, 19, DESCRIPTIONS);
    }),
    ("dealstage", |out, record| push_plain(out, record.deal.stage.map(|stage| stage.id))),
    ("pipeline", |out, record| push_plain(out, record.deal.pipeline)),
    ("amount", push_deal_amount),
    ("amount_in_home_currency", |out, record| match record.currency() == COMPANY_CURRENCY {
        true => push_deal_amount(out, record),
        false => push_null(out),
    }),
    ("deal_currency_code", |out, record| push_plain(out, record.deal.currency)),
    ("closedate", |out, record| push_time_if(out, record.deal.close_ms)),
    ("hs_is_closed", |out, record| push_flag(out, record.deal.stage.map(|stage| stage.closed))),
    ("hs_is_closed_won", |out, record| push_flag(out, record.deal.stage.map(super::account::Stage::won))),
    ("hs_is_closed_lost", |out, record| {
        push_flag(out, record.deal.stage.map(|stage| stage.closed && !stage.won()));
    }),
    ("hs_deal_stage_probability", |out, record| {
        push_plain(out, record.deal.stage.map(|stage| stage.probability));
    }),
    ("hs_priority", |out, record| push_pick(out, record, 23, &["low", "medium", "high"])),
    ("hs_forecast_amount", push_deal_amount),
    ("hs_v2_date_entered_current_stage", |out, record| push_time(out, record.modified_ms)),
    ("num_associated_contacts", |out, record| push_pick(out, record, 27, &["0", "1", "2"])),
    ("num_notes", |out, record| push_pick(out, record, 29, &["0", "3", "17"])),
    ("hs_mrr", |out, _| push_null(out)),
    ("hs_arr", |out, _| push_null(out)),
    ("hs_tcv", |out, _| push_null(out)),
    ("hs_acv", |out, _| push_null(out)),
    ("hs_next_step", |out, _| push_null(out)),
    ("closed_lost_reason", |out, _| push_null(out)),
    ("closed_won_reason", |out, _| push_null(out)),
];

const CONTACTS: &[Field] = &[
    ("lastmodifieddate", |out, record| push_time(out, record.modified_ms)),
    ("email", |out, record| match record.draw {
        Some(_) if pick(record, 11, &[false, false, false, true]) == Some(true) => push_null(out),
        Some(_) => {
            let (first, last) = (pick(record, 13, FIRST_NAMES), pick(record, 17, LAST_NAMES));
            let number = record.id.to_string();
            push_parts(
                out,
                &[first.unwrap_or_default(), ".", last.unwrap_or_default(), &number, "@example.com"],
            );
        }
        None => push_null(out),
    }),
    ("firstname", |out, record| push_pick(out, record, 13, FIRST_NAMES)),
    ("lastname", |out, record| push_pick(out, record, 17, LAST_NAMES)),
    ("company", |out, record| push_pick(out, record, 21, COMPANIES)),
    ("phone", |out, record| {
        push_pick(out, record, 23, &["+49 30 5550100", "+1 617 5550101"]);
    }),
    ("city", |out, record| push_plain(out, pick(record, 25, CITIES).map(|(city, _)| city))),
    ("country", |out, record| push_plain(out, pick(record, 25, CITIES).map(|(_, country)| country))),
    ("jobtitle", |out, record| {
        push_pick(out, record, 27, &["Buyer", "Salesperson", "Head of Operations"]);
    }),
    ("lifecyclestage", |out, record| push_pick(out, record, 29, &["lead", "opportunity", "customer"])),
    ("hs_lead_status", |out, record| push_pick(out, record, 31, &["NEW", "OPEN", "CONNECTED"])),
    ("website", |out, _| push_null(out)),
    ("hs_language", |out, record| push_pick(out, record, 33, &["en", "de", "pt"])),
    ("hs_email_domain", |out, record| push_plain(out, record.draw.map(|_| "example.com"))),
    ("associatedcompanyid", |out, record| push_pick(out, record, 35, &["25177527565", "25177527566"])),
];

fn push_deal_amount(out: &mut Vec<u8>, record: &Record<'_>) {
    match record.deal.amount_minor {
        Some(minor) => push_amount(out, minor, buffalo_model::exponent(record.currency())),
        None => push_null(out),
    }
}
