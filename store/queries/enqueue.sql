-- Stores the states of a page that are news, once, and queues them.
--
-- `input`  the page, at most one state of each record.
-- `head`   takes each state as the newest known one if it differs from what is known and is not older. The row lock of
--          ON CONFLICT decides between two writers of the same record, and the order by key keeps them from deadlock.
--          Content going A, B, A is three changes: only the newest state is compared with.
-- `raw`    keeps the vendor's bytes of every accepted state.
-- At last the narrow queue row. Returned is one row for each accepted state.
WITH input AS (
    SELECT external_id, observed_at, content_hash, api_version, payload
    FROM unnest($3::text[], $4::timestamptz[], $5::bytea[], $6::text[], $7::text[])
        AS page (external_id, observed_at, content_hash, api_version, payload)
),
head AS (
    INSERT INTO record_heads AS known (source, entity, external_id, revision, observed_at, content_hash)
    SELECT $1, $2, external_id, 1, observed_at, content_hash FROM input ORDER BY external_id
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET revision = known.revision + 1,
            observed_at = excluded.observed_at,
            content_hash = excluded.content_hash
        WHERE known.content_hash <> excluded.content_hash AND known.observed_at <= excluded.observed_at
    RETURNING external_id, revision
),
raw AS (
    INSERT INTO raw_records
        (source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, payload)
    SELECT $1, $2, external_id, revision, observed_at, $8, $9, api_version, payload
    FROM head JOIN input USING (external_id)
    RETURNING id, external_id, revision, observed_at, octet_length(payload) AS payload_bytes
)
INSERT INTO ingest_outbox
    (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at, enqueued_at)
SELECT id, $1, $2, external_id, revision, observed_at, payload_bytes, $8, $8 FROM raw
