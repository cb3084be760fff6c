//! The Stripe objects that are payments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of Stripe object that is listed and listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Resource {
    Charges,
    Refunds,
    Disputes,
}

impl Resource {
    pub(super) const ALL: [Self; 3] = [Self::Charges, Self::Refunds, Self::Disputes];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Charges => "charges",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Charges => "/v1/charges",
            Self::Refunds => "/v1/refunds",
            Self::Disputes => "/v1/disputes",
        }
    }

    /// What its objects have in their field `object`.
    pub(super) fn object(self) -> &'static str {
        match self {
            Self::Charges => "charge",
            Self::Refunds => "refund",
            Self::Disputes => "dispute",
        }
    }

    /// The resource whose ids begin like this one. Payments and refunds by other means than cards have prefixes of their own.
    pub(super) fn of_id(id: &str) -> Option<Self> {
        match id.split_once('_')?.0 {
            "ch" | "py" => Some(Self::Charges),
            "re" | "pyr" => Some(Self::Refunds),
            "du" | "dp" => Some(Self::Disputes),
            _ => None,
        }
    }

    /// Whether Stripe promises that its list begins with the newest.
    pub(super) fn is_newest_first(self) -> bool {
        matches!(self, Self::Charges | Self::Refunds)
    }

    /// The resource whose objects have `name` in their field `object`.
    pub(super) fn of_object(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.object() == name)
    }

    /// The event types that carry such objects. All together are sixteen, within the twenty that one request may name.
    pub(super) fn event_types(self) -> &'static [&'static str] {
        match self {
            Self::Charges => &[
                "charge.captured",
                "charge.expired",
                "charge.failed",
                "charge.pending",
                "charge.refunded",
                "charge.succeeded",
                "charge.updated",
            ],
            Self::Refunds => &["charge.refund.updated", "refund.created", "refund.failed", "refund.updated"],
            Self::Disputes => &[
                "charge.dispute.closed",
                "charge.dispute.created",
                "charge.dispute.funds_reinstated",
                "charge.dispute.funds_withdrawn",
                "charge.dispute.updated",
            ],
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Resource {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.as_str() == name)
            .ok_or_else(|| format!("unknown resource `{name}`; there are: charges, refunds, disputes"))
    }
}
