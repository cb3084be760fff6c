//! Proving that records are gone. A listing that does not show a record proves nothing by itself: indexes lag, and lists were
//! seen to lack what is there. So each is looked up by its id; and where many would be gone, the source is listed once more.

use std::collections::HashSet;

use buffalo_connectors::{Connector, Registration, SourceError};
use buffalo_model::{Entity, Identity, RawRecord, RawState, Refetch, RequestCounts};
use chrono::{DateTime, Utc};

/// Records that are looked up before the next sign of life: two requests where a vendor takes a hundred ids at once, and twenty
/// seconds where it takes one by one.
pub(crate) const LOOKED_UP_TOGETHER: usize = 200;

/// So many records may be gone without another listing, whatever their share.
const FEW: usize = 10;

/// Of what is stored, more than one part in so many is a mass.
const SHARE: usize = 10;

/// The status with which a connector refuses where its vendor has no such request.
const NO_SUCH_REQUEST: u16 = 501;

/// Whether many records may be taken for gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MassDelete {
    /// Only where another listing does not have them either.
    #[default]
    Proved,
    /// The operator has said so.
    Allowed,
}

/// Records that were looked up by their ids.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    /// Those that are there, in the state in which they are.
    pub(crate) found: Vec<RawRecord>,
    /// Those that are not, in their last state.
    pub(crate) gone: Vec<RawRecord>,
    /// Whose data the answers were.
    pub(crate) identity: Identity,
    /// Whether the source can't be asked for a record by its id: that those are gone is only what a listing says.
    pub(crate) by_listing: bool,
}

/// How the records of an entity are proved to be gone.
#[derive(Clone, Copy)]
pub(crate) struct Absence<'a> {
    pub(crate) connector: &'a dyn Connector,
    pub(crate) registration: &'static Registration,
    pub(crate) entity: Entity,
    pub(crate) mass_delete: MassDelete,
}

impl Absence<'_> {
    /// Looks records up by their ids.
    pub(crate) async fn look_up(
        &self,
        ids: &[String],
        now: DateTime<Utc>,
        requests: &mut RequestCounts,
    ) -> Result<LookedUp, SourceError> {
        let made_before = *requests;
        let wanted: Vec<Refetch> = ids.iter().map(Refetch::record).collect();
        let mut pages = self.connector.refetch(self.entity, &wanted, now);
        let mut looked_up = LookedUp::default();
        loop {
            let page = pages.next().await;
            *requests = made_before + pages.requests();
            looked_up.identity.learn(&pages.identity());
            let page = match page {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(looked_up),
                Err(SourceError::Refused { status: NO_SUCH_REQUEST, .. }) => {
                    looked_up.gone.extend(ids.iter().map(|id| self.gone(id, now)));
                    looked_up.by_listing = true;
                    return Ok(looked_up);
                }
                Err(error) => return Err(error),
            };
            let (gone, found): (Vec<_>, Vec<_>) =
                page.records.into_iter().partition(|record| record.payload == self.registration.gone);
            looked_up.found.extend(found);
            looked_up.gone.extend(gone);
        }
    }

    fn gone(&self, external_id: &str, observed_at: DateTime<Utc>) -> RawRecord {
        RawRecord {
            external_id: external_id.to_owned(),
            observed_at,
            api_version: None,
            context: None,
            payload: self.registration.gone.to_owned(),
        }
    }

    /// Lists the source once more: the first of these records, which are said to be gone, that is listed.
    pub(crate) async fn find_listed(
        &self,
        gone: &[RawRecord],
        now: DateTime<Utc>,
        requests: &mut RequestCounts,
    ) -> Result<Option<String>, SourceError> {
        let gone: HashSet<&str> = gone.iter().map(|record| record.external_id.as_str()).collect();
        let made_before = *requests;
        let mut pages = self.connector.census(self.entity, None, now);
        loop {
            let page = pages.next().await;
            *requests = made_before + pages.requests();
            let Some(page) = page? else { return Ok(None) };
            let listed = page
                .records
                .into_iter()
                .find(|record| gone.contains(record.external_id.as_str()) && self.is_there(record));
            if let Some(listed) = listed {
                return Ok(Some(listed.external_id));
            }
        }
    }

    /// Makes sure that records may be taken for gone, where they are many, or a listing is all that says so.
    ///
    /// # Errors
    ///
    /// [`Contradiction`] where another listing has some of them.
    pub(crate) async fn prove(
        &self,
        gone: &[RawRecord],
        by_listing: bool,
        stored: i64,
        now: DateTime<Utc>,
        requests: &mut RequestCounts,
    ) -> Result<(), AbsenceError> {
        let stored = usize::try_from(stored).unwrap_or_default();
        if self.mass_delete == MassDelete::Allowed || !(by_listing || is_mass(gone.len(), stored)) {
            return Ok(());
        }
        let (source, entity) = (self.connector.source(), self.entity);
        tracing::info!(%source, %entity, gone = gone.len(), stored, "listing the source once more before so many records count as gone");
        match self.find_listed(gone, now, requests).await? {
            Some(listed) => Err(Contradiction { gone: gone.len(), stored, listed }.into()),
            None => Ok(()),
        }
    }

    /// Whether a listed record is there, as far as it can be read: lists name what was deleted as well.
    fn is_there(&self, record: &RawRecord) -> bool {
        let state = RawState {
            entity: self.entity,
            external_id: &record.external_id,
            context: record.context.as_deref(),
            payload: &record.payload,
        };
        self.registration.read(state).map_or(true, |listed| !listed.is_gone())
    }
}

fn is_mass(gone: usize, stored: usize) -> bool {
    gone > FEW && gone.saturating_mul(SHARE) > stored
}

/// Two answers of a source contradict one another: nothing is deleted.
#[derive(Debug, thiserror::Error)]
#[error(
    "{gone} of {stored} stored records were not found by their ids, and another listing has some of them, such as {listed}: \
     nothing was deleted; if they are gone, use --allow-mass-delete"
)]
pub(crate) struct Contradiction {
    pub(crate) gone: usize,
    pub(crate) stored: usize,
    pub(crate) listed: String,
}

/// Why it is not proved that records are gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AbsenceError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mass_is_more_than_ten_and_more_than_a_tenth() {
        for (gone, stored, mass) in [(10, 10, false), (11, 110, false), (11, 109, true), (500, 5_001, false)]
        {
            assert_eq!(is_mass(gone, stored), mass, "{gone} of {stored}");
        }
    }
}
