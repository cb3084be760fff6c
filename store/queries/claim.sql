-- Claims due outbox rows, lane after lane in the order given, and reads their payloads.
--
-- `claimed` locks rows that nobody else has locked; they stay locked until the transaction that this is part of ends,
--           so two workers never hold the same row, and a worker that dies leaves nothing behind. In each lane it begins
--           behind what was claimed before (`floor`): settled rows stay in the index for as long as somebody has an old
--           snapshot, and walking over all of them would make each claim slower than the one before.
-- `restored` ends what begin_claim (store/src/claim.rs) has set for the plan of this statement alone.
-- The payload is looked up row by row (OFFSET 0 keeps the planner from joining over the whole history). Rows beyond the
-- byte budget are left out, but never the first: a payload of any size gets its turn.
WITH restored AS MATERIALIZED (
    SELECT set_config('enable_sort', 'on', true)
),
claimed AS (
    SELECT due.*
    FROM unnest($4::text[], $5::text[], $6::timestamptz[]) AS turns (source, lane, floor)
    CROSS JOIN LATERAL (
        SELECT raw_id, source, entity, external_id, revision, observed_at, payload_bytes, attempts, last_error, lane,
               available_at, enqueued_at
        FROM ingest_outbox
        WHERE source = turns.source AND lane = turns.lane AND available_at >= turns.floor AND available_at <= $1
          AND entity = ANY ($7::text[])
        ORDER BY available_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) due
    LIMIT $2
),
budgeted AS (
    SELECT *, sum(payload_bytes) OVER (ROWS UNBOUNDED PRECEDING) - payload_bytes AS bytes_before FROM claimed
)
SELECT c.raw_id, c.source, c.entity, c.external_id, c.revision, c.observed_at, c.attempts, c.last_error, c.lane,
       c.available_at, r.run_id, r.api_version, r.context, r.payload
FROM restored
CROSS JOIN budgeted c
CROSS JOIN LATERAL (
    SELECT run_id, api_version, context, payload FROM raw_records r
    WHERE r.id = c.raw_id AND r.fetched_at = c.enqueued_at -- one partition instead of all of them
      AND r.source = c.source AND r.entity = c.entity AND r.external_id = c.external_id
    OFFSET 0
) r
WHERE c.bytes_before < $3
