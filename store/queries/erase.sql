-- Erases records of which no state is accepted any more and nothing waits: $1 and $2 are source and entity, $3 the ids, $4 is
-- now, $5 the payload of a record that is gone.
--
-- `failures` are the notes of runs, which may quote the records.
WITH dead AS (
    DELETE FROM dead_letters WHERE source = $1 AND entity = $2 AND external_id = ANY ($3::text[])
), requested AS (
    DELETE FROM refetch_requests WHERE source = $1 AND entity = $2 AND external_id = ANY ($3)
), tombstones AS (
    INSERT INTO contacts AS known
        (source, entity, external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at)
    SELECT source, entity, external_id, observed_at, revision, 0, $4, $4, $4
    FROM record_heads WHERE source = $1 AND entity = $2 AND external_id = ANY ($3) AND entity = 'contacts'
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET email = NULL, first_name = NULL, last_name = NULL, phone = NULL, company = NULL, lifecycle_stage = NULL,
            observed_at = excluded.observed_at, revision = excluded.revision,
            deleted_at = coalesce(known.deleted_at, excluded.deleted_at), updated_at = excluded.updated_at
), failures AS (
    UPDATE sync_runs SET failed_records = coalesce(
        (SELECT jsonb_agg(failed ORDER BY place)
         FROM jsonb_array_elements(failed_records) WITH ORDINALITY AS all_of_them (failed, place)
         WHERE failed ->> 'externalId' <> ALL ($3)), '[]')
    WHERE source = $1 AND entity = $2 AND failed_records <> '[]'
      AND EXISTS (SELECT FROM jsonb_array_elements(failed_records) AS failed
                  WHERE failed ->> 'externalId' = ANY ($3))
), history AS (
    UPDATE raw_records SET payload = $5, context = NULL
    WHERE source = $1 AND entity = $2 AND external_id = ANY ($3) AND payload <> $5
)
UPDATE erasures SET erased_at = $4 WHERE source = $1 AND entity = $2 AND external_id = ANY ($3)
