-- Makes suspects of the rows that dead workers had claimed ($1: their claims) and that nobody has claimed since.
--
-- Every row of such a claim has failed once more. It is not known which of several was the one that did it, so none of
-- them is given up for that: their attempts stay below the last one ($2).
WITH orphans AS (
    DELETE FROM outbox_claims WHERE claim_id = ANY ($1::bigint[]) RETURNING raw_ids
),
left_behind AS (
    SELECT o.raw_id, cardinality(orphans.raw_ids) = 1 AS alone
    FROM orphans JOIN ingest_outbox o ON o.raw_id = ANY (orphans.raw_ids)
    FOR UPDATE OF o SKIP LOCKED
)
UPDATE ingest_outbox AS o
SET attempts = CASE WHEN alone THEN o.attempts + 1 ELSE greatest(least(o.attempts + 1, $2 - 1), o.attempts) END,
    lane = 'suspect',
    available_at = $3,
    last_error = $4
FROM left_behind
WHERE o.raw_id = left_behind.raw_id
