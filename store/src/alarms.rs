//! How lines of runs stand, and the notifications that follow from it: written in the transaction in which a run ends.

use buffalo_model::{Alarm, DeadLetters, Ending, Mode, NotificationKind, Run, RunNews, Work};
use chrono::{DateTime, Utc};

use crate::database::Tx;
use crate::{Store, StoreError};

impl Store {
    /// Hears how a run stands, and writes the notification that it makes, if any of the wanted kinds.
    ///
    /// The line's row stays locked until the transaction ends, so that of two runs that end at once the second sees what
    /// the first has told.
    pub(crate) async fn hear_in_tx(
        &self,
        tx: &mut Tx<'_>,
        run: &Run,
        ending: Ending,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "note how runs stand";
        let work = Work::of(run.mode).as_str();
        let before = sqlx::query_as!(
            Alarm,
            "INSERT INTO run_alarms AS known (work, source, entity) VALUES ($1, $2, $3)
             ON CONFLICT (work, source, entity) DO UPDATE SET work = known.work
             RETURNING failing_since, told_at, stale_cursor",
            work,
            run.source,
            run.entity,
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(self.fail(operation))?;
        let letters = self.letters_left_in_tx(tx, run.mode).await?;
        let (after, kind) = before.hear(run, ending, letters, now);
        if after != before {
            sqlx::query!(
                "UPDATE run_alarms SET failing_since = $4, told_at = $5, stale_cursor = $6
                 WHERE work = $1 AND source = $2 AND entity = $3",
                work,
                run.source,
                run.entity,
                after.failing_since,
                after.told_at,
                after.stale_cursor,
            )
            .execute(&mut *tx)
            .await
            .map_err(self.fail(operation))?;
        }
        let Some(kind) = kind.filter(|kind| self.notify_on.contains(*kind)) else { return Ok(()) };
        let data_through = sqlx::query_scalar!(
            "SELECT data_through FROM sync_cursors WHERE source = $1 AND entity = $2",
            run.source,
            run.entity,
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(self.fail(operation))?
        .flatten();
        let news = RunNews { kind, run, before, data_through, now };
        self.tell_in_tx(tx, &news, &event_key(&news)).await
    }

    /// Dead letters matter to processing alone.
    async fn letters_left_in_tx(&self, tx: &mut Tx<'_>, mode: Mode) -> Result<DeadLetters, StoreError> {
        if mode != Mode::Process {
            return Ok(DeadLetters::None);
        }
        let left = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM dead_letters) AS "left!""#)
            .fetch_one(&mut *tx)
            .await
            .map_err(self.fail("look for dead letters"))?;
        Ok(if left { DeadLetters::Left } else { DeadLetters::None })
    }

    async fn tell_in_tx(
        &self,
        tx: &mut Tx<'_>,
        news: &RunNews<'_>,
        event_key: &str,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO notifications (id, event_key, kind, source, entity, run_id, subject, body_text, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (event_key) DO NOTHING",
            uuid::Uuid::now_v7(),
            event_key,
            news.kind.as_str(),
            news.run.source,
            news.run.entity,
            news.run.run_id.0,
            news.subject(),
            news.text(),
            news.now,
        )
        .execute(&mut *tx)
        .await
        .map_err(self.fail("write the notification"))?;
        Ok(())
    }
}

/// Names the event. A failure is known by its first run and the time of telling; what ends well by its run.
fn event_key(news: &RunNews<'_>) -> String {
    let (kind, run_id) = (news.kind.as_str(), news.run.run_id);
    match (news.kind, news.before.failing_since) {
        (NotificationKind::Failure, Some(since)) => {
            let days = (news.now - since).num_days();
            format!("{kind}/{run_id}/{}/{days}", since.timestamp())
        }
        _ => format!("{kind}/{run_id}"),
    }
}
