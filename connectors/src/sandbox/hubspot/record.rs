//! A deal or a contact as it stands, before any JSON.

use std::collections::BTreeMap;

use super::account::{COMPANY_CURRENCY, Stage};

/// The objects the portal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deals,
    Contacts,
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "deals" => Some(Self::Deals),
            "contacts" => Some(Self::Contacts),
            _ => None,
        }
    }

    /// HubSpot's number for the kind, in addresses of its web pages.
    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Deals => "0-3",
            Self::Contacts => "0-1",
        }
    }

    /// The property that says when a record changed.
    pub(super) fn modified_property(self) -> &'static str {
        match self {
            Self::Deals => "hs_lastmodifieddate",
            Self::Contacts => "lastmodifieddate",
        }
    }
}

/// Properties set through the control interface, by name; `None` is a property that was cleared.
pub(super) type Properties = BTreeMap<String, Option<String>>;

/// A record. Times are in milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Record<'a> {
    pub kind: Kind,
    pub id: u64,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub archived_ms: Option<i64>,
    /// Where what the history invents for this record comes from; none for a record made through the control
    /// interface, which has nothing but what it was given.
    pub draw: Option<u64>,
    pub deal: Deal,
    pub set: Option<&'a Properties>,
    /// Ids of the records that were merged into this one, in the order in which they were.
    pub merged: &'a [u64],
}

/// What only deals have.
#[derive(Debug, Clone, Default)]
pub(super) struct Deal {
    /// In the smallest unit of its currency.
    pub amount_minor: Option<u64>,
    /// None is the portal's currency.
    pub currency: Option<&'static str>,
    pub close_ms: Option<i64>,
    pub pipeline: Option<&'static str>,
    /// None for a stage that no pipeline has.
    pub stage: Option<&'static Stage>,
}

impl Record<'_> {
    /// What was set, if this property was: `Some(None)` when it was cleared.
    pub(super) fn set(&self, name: &str) -> Option<Option<&str>> {
        Some(self.set?.get(name)?.as_deref())
    }

    /// The text of a property: what was set, else what the history says.
    pub(super) fn text<'b>(&'b self, name: &str, generated: Option<&'b str>) -> Option<&'b str> {
        self.set(name).unwrap_or(generated)
    }

    pub(super) fn stage_text(&self) -> Option<&str> {
        self.text("dealstage", self.deal.stage.map(|stage| stage.id))
    }

    pub(super) fn pipeline_text(&self) -> Option<&str> {
        self.text("pipeline", self.deal.pipeline)
    }

    /// The currency that the amount is in.
    pub(super) fn currency(&self) -> &str {
        self.text("deal_currency_code", self.deal.currency).unwrap_or(COMPANY_CURRENCY)
    }

    /// Whether the sale was made: by its stage, or for a stage that no pipeline has, by what was set.
    pub(super) fn won(&self) -> bool {
        match self.deal.stage {
            Some(stage) => stage.won(),
            None => self.set("hs_is_closed_won").flatten() == Some("true"),
        }
    }
}
