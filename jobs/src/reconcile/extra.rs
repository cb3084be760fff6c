//! What is stored and was not listed. Each is looked up by its id: a list may lack what is there.

use buffalo_model::RawRecord;
use chrono::{DateTime, Utc};

use super::{Comparison, Reconcile, Trouble};
use crate::absence::{Absence, LOOKED_UP_TOGETHER};
use crate::persist::persist;

/// Records that are written together where they are gone.
const MENDED_TOGETHER: usize = 1_000;

impl Reconcile<'_> {
    pub(super) async fn find_extra(
        &self,
        comparison: &mut Comparison<'_>,
        began_at: DateTime<Utc>,
    ) -> Result<(), Trouble> {
        let absence = Absence {
            connector: self.connector,
            registration: comparison.registration,
            entity: self.entity,
            mass_delete: self.mass_delete,
        };
        let (mut gone, mut by_listing) = (Vec::<RawRecord>::new(), false);
        loop {
            let extra = comparison.census.extra(self.since, began_at).await?;
            let ids: Vec<&str> = extra.iter().map(String::as_str).collect();
            // Noted now, so that the next question brings others.
            comparison.census.note(&ids).await?;
            if extra.is_empty() {
                break;
            }
            for together in extra.chunks(LOOKED_UP_TOGETHER) {
                let looked_up = absence.look_up(together, self.clock.now(), comparison.requests).await?;
                comparison.owner.accept(&looked_up.identity).await?;
                comparison.lock.check().await?;
                self.compare_records(comparison, looked_up.found).await?;
                for record in &looked_up.gone {
                    comparison.findings.extra += 1;
                    let what = "stored, and neither listed by the source nor found by its id";
                    comparison.findings.sample(&record.external_id, what.to_owned());
                }
                by_listing |= looked_up.by_listing;
                gone.extend(looked_up.gone);
                self.store.heartbeat(comparison.run_id, self.clock.now()).await?;
            }
        }
        if self.repair && !gone.is_empty() {
            let source = self.connector.source();
            let stored = persist(|| self.store.count_stored(source, self.entity, "")).await?;
            absence.prove(&gone, by_listing, stored, self.clock.now(), comparison.requests).await?;
            for together in gone.chunks(MENDED_TOGETHER) {
                self.mend(comparison, together).await?;
            }
        }
        Ok(())
    }
}
