-- Takes the states of records that events carry, all in one statement, so in one commit: the events' ids, the records' heads,
-- the vendors' bytes, the rows in the outbox. A second post of the same event finds the id and does nothing. No two of the
-- events given are the same, or of the same record. One row comes back for each, in the order given.
--
-- No cursor is touched, so a fetch that is under way is not disturbed. A state must be newer than the one that is known:
-- where both are of the same time nobody can tell from one event which came last. That is neither enqueued nor settled, as
-- is a record that somebody else writes for the first time at this moment: the caller has it fetched. Nothing is counted in
-- `run_totals` and nobody is notified here, since both would let only one commit at a time.
--
-- A head later than $14, which lies ahead of our clock, was stamped by a wrong clock, and loses.
--
-- What is of another account or mode than what is stored is left alone: the facts that are known of both, joined in either
-- order, are the same unless one of them has two values.
--
-- Rows are locked in the order of their keys, here and by fetches, which keeps writers from deadlock.
WITH given AS (
    SELECT event.*,
           coalesce(cursor.identity || event.identity <> event.identity || cursor.identity, false) AS is_foreign
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bytea[], $7::text[], $8::text[],
                $9::text[], $13::jsonb[])
        WITH ORDINALITY AS event
            (source, event_id, entity, external_id, observed_at, content_hash, api_version, context, payload, identity, place)
        LEFT JOIN sync_cursors cursor USING (source, entity)
), remembered AS (
    INSERT INTO webhook_events (source, event_id, received_at)
    SELECT source, event_id, $10 FROM given WHERE NOT is_foreign ORDER BY source, event_id
    ON CONFLICT DO NOTHING
    RETURNING source, event_id
), known AS (
    -- Locked, so that what is decided below holds until the commit.
    SELECT given.place, head.observed_at, head.content_hash
    FROM given
        JOIN remembered USING (source, event_id)
        JOIN record_heads head USING (source, entity, external_id)
    ORDER BY head.source, head.entity, head.external_id
    FOR UPDATE OF head
), event AS (
    SELECT given.*,
           coalesce(known.content_hash = given.content_hash, false) AS is_known,
           known.observed_at AS known_at
    FROM given
        JOIN remembered USING (source, event_id)
        LEFT JOIN known USING (place)
), head AS (
    INSERT INTO record_heads AS old (source, entity, external_id, revision, observed_at, content_hash)
    SELECT source, entity, external_id, 1, observed_at, content_hash FROM event
    WHERE NOT is_known
    ORDER BY source, entity, external_id
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET revision = old.revision + 1,
            observed_at = excluded.observed_at,
            content_hash = excluded.content_hash
        WHERE old.content_hash <> excluded.content_hash AND old.content_hash <> '\x00'
          AND (old.observed_at < excluded.observed_at OR old.observed_at > $14)
    RETURNING source, entity, external_id, revision, nextval('raw_records_id_seq') AS raw_id
), seen_again AS (
    -- The same content was true in between as well: an older state that arrives later must lose.
    UPDATE record_heads head SET observed_at = event.observed_at
    FROM event
    WHERE head.source = event.source AND head.entity = event.entity AND head.external_id = event.external_id
      AND event.is_known AND (event.known_at < event.observed_at OR event.known_at > $14)
), enqueued AS (
    SELECT event.*, head.revision, head.raw_id FROM head JOIN event USING (source, entity, external_id)
), raw AS (
    INSERT INTO raw_records
        (id, source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, context, payload)
    OVERRIDING SYSTEM VALUE
    SELECT raw_id, source, entity, external_id, revision, observed_at, $10, $11::uuid, api_version, context, payload
    FROM enqueued
), waiting AS (
    INSERT INTO ingest_outbox
        (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at, enqueued_at, lane)
    SELECT raw_id, source, entity, external_id, revision, observed_at, octet_length(payload), $10, $10, $12
    FROM enqueued
)
SELECT given.is_foreign AS "is_foreign!",
       event.place IS NOT NULL AS "is_new!",
       enqueued.place IS NOT NULL AS "is_enqueued!",
       coalesce(event.is_known OR event.known_at > event.observed_at, false) AS "is_settled!"
FROM given
    LEFT JOIN event USING (place)
    LEFT JOIN enqueued USING (place)
ORDER BY given.place
