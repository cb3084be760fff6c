-- What `serve` is measured against: the plainest statement that takes one event. What `serve` says itself takes several at once,
-- store/queries/take_events.sql. In one commit: the event's id, the record's head, the vendor's bytes, the row in the outbox. A second post of the same event finds the id and does nothing.
--
-- No cursor is touched, so a fetch that is under way is not disturbed. A state must be newer than the one that is known:
-- where both are of the same time nobody can tell from one event which came last. That is `unclear`, as is a record that
-- somebody else writes for the first time at this moment: the caller has it fetched. Nothing is counted in `run_totals`
-- and nobody is notified here, since both would let only one event at a time commit.
WITH remembered AS (
    INSERT INTO webhook_events (source, event_id, received_at) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING
    RETURNING source
), known AS (
    -- Locked, so that what is decided below holds until the commit.
    SELECT head.observed_at, head.content_hash
    FROM record_heads head JOIN remembered USING (source)
    WHERE head.entity = $4 AND head.external_id = $5
    FOR UPDATE OF head
), head AS (
    INSERT INTO record_heads AS old (source, entity, external_id, revision, observed_at, content_hash)
    SELECT source, $4, $5, 1, $6, $7 FROM remembered
    WHERE NOT EXISTS (SELECT FROM known WHERE content_hash = $7)
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET revision = old.revision + 1,
            observed_at = excluded.observed_at,
            content_hash = excluded.content_hash
        WHERE old.content_hash <> excluded.content_hash AND old.observed_at < excluded.observed_at
    RETURNING revision, nextval('raw_records_id_seq') AS raw_id
), seen_again AS (
    -- The same content was true in between as well: an older state that arrives later must lose.
    UPDATE record_heads head SET observed_at = $6
    FROM known
    WHERE head.source = $1 AND head.entity = $4 AND head.external_id = $5
      AND known.content_hash = $7 AND known.observed_at < $6
), raw AS (
    INSERT INTO raw_records
        (id, source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, context, payload)
    OVERRIDING SYSTEM VALUE
    SELECT raw_id, $1, $4, $5, revision, $6, $3, $8::uuid, $9::text, $10::text, $11 FROM head
), waiting AS (
    INSERT INTO ingest_outbox
        (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at, enqueued_at, lane)
    SELECT raw_id, $1, $4, $5, revision, $6, octet_length($11), $3, $3, $12 FROM head
)
SELECT EXISTS (SELECT FROM remembered) AS "is_new!",
       EXISTS (SELECT FROM head) AS "is_enqueued!",
       EXISTS (SELECT FROM known WHERE content_hash = $7 OR observed_at > $6) AS "is_settled!"
