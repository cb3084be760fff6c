-- Puts dead letters back into the outbox, to be tried as if for the first time, and removes them.
--
-- `taken` locks them in one order for all, so that two replays of the same letters wait for each other and do not
--         deadlock; the second finds them gone.
-- `letters` removes them. One whose record is stored in the same or a newer state has nothing left to say: it would be
--         processed for nothing. Whether a newer state comes in between does not matter, as the upsert looks again.
-- `restored` writes the raw record once more where retention has dropped it, under its old id and time, by which the
--         outbox row finds it (OFFSET 0 looks it up letter by letter: a join might read the whole history). A letter of
--         an older program does not know its run.
-- `queued` puts them into the lane of backfills, so that a million of them delay nothing that changed just now.
WITH taken AS (
    SELECT id FROM dead_letters WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE
),
letters AS (
    DELETE FROM dead_letters d USING taken WHERE d.id = taken.id
    RETURNING d.*,
        EXISTS (SELECT FROM payments p WHERE p.source = d.source AND p.entity = d.entity
                AND p.external_id = d.external_id AND p.revision >= d.revision)
        OR EXISTS (SELECT FROM contacts c WHERE c.source = d.source AND c.entity = d.entity
                   AND c.external_id = d.external_id AND c.revision >= d.revision)
        OR EXISTS (SELECT FROM events e WHERE e.source = d.source AND e.entity = d.entity
                   AND e.external_id = d.external_id AND e.revision >= d.revision) AS already_newer
),
restored AS (
    INSERT INTO raw_records
        (id, source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, context, payload)
    OVERRIDING SYSTEM VALUE
    SELECT raw_id, source, entity, external_id, revision, observed_at, enqueued_at,
           coalesce(run_id, '00000000-0000-0000-0000-000000000000'), api_version, context, payload
    FROM letters l
    WHERE NOT already_newer
      AND NOT EXISTS (SELECT FROM raw_records r WHERE r.id = l.raw_id AND r.fetched_at = l.enqueued_at
                      OFFSET 0)
),
queued AS (
    INSERT INTO ingest_outbox
        (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, attempts, available_at, enqueued_at,
         lane)
    SELECT raw_id, source, entity, external_id, revision, observed_at, octet_length(payload), 0, $2, enqueued_at,
           'backfill'
    FROM letters
    WHERE NOT already_newer
    ON CONFLICT DO NOTHING
)
SELECT count(*) FILTER (WHERE NOT already_newer) AS "replayed!",
       count(*) FILTER (WHERE already_newer) AS "already_newer!",
       CASE WHEN bool_or(NOT already_newer) THEN pg_notify($3, '')::text END AS told
FROM letters
