//! Reading lists: of what is live, or of the bin, a page after the other.

use super::api::{HubSpotApi, Part, no_way_on};
use super::objects::ObjectPage;
use super::resource::Resource;
use crate::connector::SourceError;
use crate::http::Answer;

/// The lists of one run.
#[derive(Debug)]
pub(super) struct Lists {
    api: HubSpotApi,
    resource: Resource,
    /// Whether a list was begun anew in this run. Once is enough: a list whose own places are refused has no end.
    restarted: bool,
}

impl Lists {
    pub(super) fn new(api: HubSpotApi, resource: Resource) -> Self {
        Self { api, resource, restarted: false }
    }

    /// A page of a list. Where HubSpot no longer knows the place, the first page; once in a run.
    pub(super) async fn page(
        &mut self,
        part: Part,
        after: Option<&str>,
    ) -> Result<Answer<ObjectPage>, SourceError> {
        let answer = match self.api.list(self.resource, part, after).await {
            Err(error @ SourceError::Refused { status: 400, .. }) if after.is_some() && !self.restarted => {
                tracing::warn!(%error, ?part, "the place in the list is gone; listing it from its start");
                self.restarted = true;
                return self.api.list(self.resource, part, None).await;
            }
            answer => answer?,
        };
        if answer.value.next.is_some() && answer.value.next.as_deref() == after {
            return Err(no_way_on(self.resource));
        }
        Ok(answer)
    }
}
