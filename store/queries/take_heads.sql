-- Takes each state of a page as the newest known one if it differs from what is known and is not older, and queues it.
-- Returned is one row for each accepted state, with the id that its raw record is to have. `enqueued_at` will be the raw
-- record's `fetched_at`: readers find the partition by it.
--
-- The row lock of ON CONFLICT decides between two writers of the same record; the page comes sorted by key, which keeps
-- them from deadlock. Content going A, B, A is three changes: only the newest state is compared with. A record that was
-- erased for privacy's sake (content '\x00') stays so, whatever is said of it.
--
-- Of two states of one time, the later one holds. With $6 it does not where both are stamped with the last microsecond of a
-- second, as states are of which no more than the second is known: the order of writing must not decide, so what is known
-- stays as it is, and its row is returned with the known hash, by which the caller sees the tie. A head without a hash is in
-- doubt and loses. A head later than $7, which lies ahead of our clock, was stamped by a wrong clock
-- and would hold up all that comes until then: it loses too.
WITH page AS MATERIALIZED (
    SELECT external_id, observed_at, content_hash, payload_bytes
    FROM unnest($3::text[], $4::timestamptz[], $5::bytea[], $8::integer[])
        AS page (external_id, observed_at, content_hash, payload_bytes)
),
taken AS (
    INSERT INTO record_heads AS known (source, entity, external_id, revision, observed_at, content_hash)
    SELECT $1, $2, external_id, 1, observed_at, content_hash FROM page
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET revision = CASE WHEN $6 AND known.observed_at = excluded.observed_at AND known.content_hash <> ''
                                 AND extract(microseconds FROM known.observed_at)::bigint % 1000000 = 999999
                            THEN known.revision ELSE known.revision + 1 END,
            observed_at = excluded.observed_at,
            content_hash = CASE WHEN $6 AND known.observed_at = excluded.observed_at AND known.content_hash <> ''
                                     AND extract(microseconds FROM known.observed_at)::bigint % 1000000 = 999999
                                THEN known.content_hash ELSE excluded.content_hash END
        WHERE known.content_hash <> excluded.content_hash AND known.content_hash <> '\x00'
          AND (known.observed_at <= excluded.observed_at OR known.observed_at > $7)
    RETURNING external_id, revision, content_hash, nextval('raw_records_id_seq') AS raw_id
),
queued AS (
    INSERT INTO ingest_outbox (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at,
                               enqueued_at, lane)
    SELECT taken.raw_id, $1, $2, external_id, taken.revision, page.observed_at, page.payload_bytes, $9, $9, $10
    FROM taken JOIN page USING (external_id, content_hash)
)
SELECT external_id AS "external_id!", revision AS "revision!", content_hash AS "content_hash!", raw_id AS "raw_id!"
FROM taken
