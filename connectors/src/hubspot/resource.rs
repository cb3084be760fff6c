//! The HubSpot objects that are fetched, and what is asked about them.

use buffalo_model::Entity;

/// A kind of HubSpot object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Deals,
    Contacts,
}

impl Resource {
    pub(super) const ALL: [Self; 2] = [Self::Deals, Self::Contacts];

    pub(super) fn of_entity(entity: Entity) -> Option<Self> {
        match entity {
            Entity::Payments => Some(Self::Deals),
            Entity::Contacts => Some(Self::Contacts),
            Entity::Events => None,
        }
    }

    pub(super) fn entity(self) -> Entity {
        match self {
            Self::Deals => Entity::Payments,
            Self::Contacts => Entity::Contacts,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Deals => "deals",
            Self::Contacts => "contacts",
        }
    }

    /// The property that says when an object changed.
    pub(super) fn modified_property(self) -> &'static str {
        match self {
            Self::Deals => "hs_lastmodifieddate",
            Self::Contacts => "lastmodifieddate",
        }
    }

    /// The properties asked for. What is read of them is little; the others are kept for whoever asks the raw records.
    pub(super) fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Deals => &[
                "amount",
                "amount_in_home_currency",
                "closed_lost_reason",
                "closed_won_reason",
                "closedate",
                "createdate",
                "deal_currency_code",
                "dealname",
                "dealstage",
                "dealtype",
                "description",
                "hs_acv",
                "hs_analytics_source",
                "hs_arr",
                "hs_deal_stage_probability",
                "hs_forecast_amount",
                "hs_is_closed",
                "hs_is_closed_lost",
                "hs_is_closed_won",
                "hs_lastmodifieddate",
                "hs_merged_object_ids",
                "hs_mrr",
                "hs_next_step",
                "hs_object_id",
                "hs_object_source_label",
                "hs_priority",
                "hs_tcv",
                "hs_v2_date_entered_current_stage",
                "hubspot_owner_id",
                "num_associated_contacts",
                "pipeline",
            ],
            Self::Contacts => &[
                "associatedcompanyid",
                "city",
                "company",
                "country",
                "createdate",
                "email",
                "firstname",
                "hs_analytics_source",
                "hs_calculated_merged_vids",
                "hs_language",
                "hs_lead_status",
                "hs_merged_object_ids",
                "hs_object_id",
                "hs_object_source_label",
                "hubspot_owner_id",
                "jobtitle",
                "lastmodifieddate",
                "lastname",
                "lifecyclestage",
                "phone",
                "website",
            ],
        }
    }
}
