//! Whose data a source gives, compared with whose data is stored, before anything is written.

use buffalo_connectors::Connector;
use buffalo_model::{Clock, Entity, Identity};
use buffalo_store::{CursorRow, Store, StoreError};

use crate::persist::persist;

/// The data of the source belongs to another account or mode than the stored data.
#[derive(Debug, thiserror::Error)]
#[error(
    "the {source_name} {entity} in this database are of {fact} {stored}, and those of the source are of {fact} {given}: \
     nothing was written; set the earlier account again, or use another database or schema for this one; to go on in \
     this database all the same: buffalo cursors reset {source_name} {entity} --forget-identity"
)]
pub struct OtherIdentity {
    source_name: String,
    entity: Entity,
    fact: String,
    stored: String,
    given: String,
}

/// Why the data of a source can't be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityTrouble {
    #[error(transparent)]
    Other(#[from] OtherIdentity),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose data an entity's is, for one run.
#[derive(Debug)]
pub(crate) struct Owner<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    connector: &'a dyn Connector,
    entity: Entity,
    /// What the configuration says.
    configured: Identity,
    /// What is stored.
    stored: Identity,
}

impl<'a> Owner<'a> {
    /// Compares what the configuration says with what is stored. A cursor from before identities were kept is given that of
    /// the newest raw records.
    ///
    /// # Errors
    ///
    /// [`OtherIdentity`] where they differ.
    pub(crate) async fn of(
        store: &'a Store,
        clock: &'a dyn Clock,
        connector: &'a dyn Connector,
        entity: Entity,
        found: &CursorRow,
    ) -> Result<Self, IdentityTrouble> {
        let mut stored = found.identity.clone().unwrap_or_default();
        if found.identity.is_none() {
            let source = connector.source();
            for payload in persist(|| store.newest_payloads(source, entity)).await? {
                stored.learn(&connector.identity_of(entity, &payload));
            }
            persist(|| store.learn_identity(source, entity, &stored, clock.now())).await?;
        }
        let owner = Self { store, clock, connector, entity, configured: connector.identity(entity), stored };
        owner.compare(&owner.configured)?;
        Ok(owner)
    }

    /// Compares what answers said with what is stored and configured, and stores what is new in it. To be called before a
    /// page is written; costs nothing where nothing is new.
    ///
    /// # Errors
    ///
    /// [`OtherIdentity`] where they differ.
    pub(crate) async fn accept(&mut self, answered: &Identity) -> Result<(), IdentityTrouble> {
        self.compare(answered)?;
        if let Some(conflict) = self.configured.conflict_with(answered) {
            return Err(self.other(conflict.fact, conflict.ours, conflict.theirs).into());
        }
        let mut known = self.stored.clone();
        known.learn(&self.configured);
        known.learn(answered);
        if known == self.stored {
            return Ok(());
        }
        let (store, source) = (self.store, self.connector.source());
        if !persist(|| store.learn_identity(source, self.entity, &known, self.clock.now())).await? {
            // Another run has learned otherwise since; its cursor refuses this one in any case.
            let cursor = persist(|| store.read_cursor(source, self.entity, self.clock.now())).await?;
            self.stored = cursor.identity.unwrap_or_default();
            self.compare(&known)?;
        }
        self.stored = known;
        Ok(())
    }

    fn compare(&self, given: &Identity) -> Result<(), OtherIdentity> {
        match self.stored.conflict_with(given) {
            None => Ok(()),
            Some(conflict) => Err(self.other(conflict.fact, conflict.ours, conflict.theirs)),
        }
    }

    fn other(&self, fact: String, stored: String, given: String) -> OtherIdentity {
        let source_name = self.connector.source().to_string();
        OtherIdentity { source_name, entity: self.entity, fact, stored, given }
    }
}

/// Makes sure that a configured source gives the data of those whose data is stored, without asking it.
///
/// # Errors
///
/// [`OtherIdentity`], of the first entity of which it does not.
pub fn check_identity(connector: &dyn Connector, cursors: &[CursorRow]) -> Result<(), OtherIdentity> {
    for entity in connector.entities() {
        let row =
            cursors.iter().find(|row| row.source == *connector.source() && row.entity == entity.as_str());
        let stored = row.and_then(|row| row.identity.as_ref());
        if let Some(conflict) = stored.and_then(|stored| stored.conflict_with(&connector.identity(*entity))) {
            return Err(OtherIdentity {
                source_name: connector.source().to_string(),
                entity: *entity,
                fact: conflict.fact,
                stored: conflict.ours,
                given: conflict.theirs,
            });
        }
    }
    Ok(())
}
