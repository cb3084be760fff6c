//! Records of which nothing is said but that they are gone.
//!
//! What is known of them stays and is marked. Where nothing is known yet, a row is written all the same: an older state may
//! be processed later, and must find that it is too late.

use buffalo_model::Entity;
use chrono::{DateTime, Utc};

use super::Keys;
use crate::ClaimedRow;
use crate::database::Tx;

pub(crate) async fn upsert(
    connection: &mut Tx<'_>,
    rows: &[&ClaimedRow],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for entity in Entity::ALL {
        let keys = Keys::of(rows.iter().copied().filter(|row| row.key.entity == entity));
        if keys.sources.is_empty() {
            continue;
        }
        let Keys { sources, entities, external_ids, observed_at, revisions, raw_ids } = &keys;
        match entity {
            Entity::Payments => {
                sqlx::query!(
                    "INSERT INTO payments AS known
                         (source, entity, external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at,
                          kind, status, raw_status, amount_minor, currency, occurred_at)
                     SELECT source, entity, external_id, observed_at, revision, raw_id, observed_at, $1, $1,
                            'unknown', 'VOIDED', 'deleted', 0, 'XXX', observed_at
                     FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[])
                         AS batch (source, entity, external_id, observed_at, revision, raw_id)
                     ON CONFLICT (source, entity, external_id) DO UPDATE
                         SET deleted_at = coalesce(known.deleted_at, excluded.deleted_at),
                             observed_at = excluded.observed_at, revision = excluded.revision,
                             raw_id = excluded.raw_id,
                             updated_at = greatest(known.updated_at, excluded.updated_at)
                         WHERE known.revision < excluded.revision",
                    now,
                    sources as &[&str],
                    entities as &[&str],
                    external_ids as &[&str],
                    observed_at,
                    revisions,
                    raw_ids,
                )
                .execute(&mut *connection)
                .await?;
            }
            Entity::Contacts => {
                sqlx::query!(
                    "INSERT INTO contacts AS known
                         (source, entity, external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at)
                     SELECT source, entity, external_id, observed_at, revision, raw_id, observed_at, $1, $1
                     FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[])
                         AS batch (source, entity, external_id, observed_at, revision, raw_id)
                     ON CONFLICT (source, entity, external_id) DO UPDATE
                         SET deleted_at = coalesce(known.deleted_at, excluded.deleted_at),
                             observed_at = excluded.observed_at, revision = excluded.revision,
                             raw_id = excluded.raw_id, updated_at = excluded.updated_at
                         WHERE known.revision < excluded.revision",
                    now,
                    sources as &[&str],
                    entities as &[&str],
                    external_ids as &[&str],
                    observed_at,
                    revisions,
                    raw_ids,
                )
                .execute(&mut *connection)
                .await?;
            }
            Entity::Events => {
                sqlx::query!(
                    "INSERT INTO events AS known
                         (source, entity, external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at,
                          status, raw_status)
                     SELECT source, entity, external_id, observed_at, revision, raw_id, observed_at, $1, $1,
                            'CANCELLED', 'deleted'
                     FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[])
                         AS batch (source, entity, external_id, observed_at, revision, raw_id)
                     ON CONFLICT (source, entity, external_id) DO UPDATE
                         SET deleted_at = coalesce(known.deleted_at, excluded.deleted_at),
                             status = excluded.status, raw_status = excluded.raw_status,
                             observed_at = excluded.observed_at, revision = excluded.revision,
                             raw_id = excluded.raw_id, updated_at = excluded.updated_at
                         WHERE known.revision < excluded.revision",
                    now,
                    sources as &[&str],
                    entities as &[&str],
                    external_ids as &[&str],
                    observed_at,
                    revisions,
                    raw_ids,
                )
                .execute(&mut *connection)
                .await?;
            }
        }
    }
    Ok(())
}
