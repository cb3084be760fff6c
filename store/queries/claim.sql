-- Claims due outbox rows and reads their payloads.
--
-- `claimed` locks rows that nobody else has locked; they stay locked until the transaction that this is part of ends,
--           so two workers never hold the same row, and a worker that dies leaves nothing behind.
-- The payload is looked up row by row (OFFSET 0 keeps the planner from joining over the whole history). Rows beyond the
-- byte budget are left out, but never the first: a payload of any size gets its turn.
WITH claimed AS (
    SELECT raw_id, source, entity, external_id, revision, observed_at, payload_bytes, attempts, available_at
    FROM ingest_outbox
    WHERE available_at <= $1 AND entity = ANY ($4::text[])
    ORDER BY available_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
budgeted AS (
    SELECT *, sum(payload_bytes) OVER (ROWS UNBOUNDED PRECEDING) - payload_bytes AS bytes_before FROM claimed
)
SELECT c.raw_id, c.source, c.entity, c.external_id, c.revision, c.observed_at, c.attempts,
       r.api_version, r.context, r.payload
FROM budgeted c
CROSS JOIN LATERAL (
    SELECT api_version, context, payload FROM raw_records r
    WHERE r.id = c.raw_id AND r.source = c.source AND r.entity = c.entity AND r.external_id = c.external_id
    OFFSET 0
) r
WHERE c.bytes_before < $3
