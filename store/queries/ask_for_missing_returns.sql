-- Requests the returns of sales that contradict what is stored of them, the longest due first, at most $3; $4 is now.
-- A sale is asked about less and less often, and no more after $5 times until it changes.
--
-- A sale that contradicts nothing any more is forgotten: where a sale and its refund are written by two transactions at
-- once, neither sees the other, and the note stays. A note that was renewed meanwhile has another `ask_at`, and is kept.
WITH known AS MATERIALIZED (
    SELECT note.source, note.entity, note.external_id, note.ask_at, note.asks,
           EXISTS (
               SELECT FROM contradicted_sales sale
               WHERE sale.source = note.source AND sale.entity = note.entity AND sale.external_id = note.external_id
               OFFSET 0) AS is_contradicted
    FROM missing_returns note WHERE note.source = $1 AND note.entity = $2
),
explained AS MATERIALIZED (
    SELECT note.source, note.entity, note.external_id FROM missing_returns note
    JOIN known USING (source, entity, external_id, ask_at)
    WHERE NOT known.is_contradicted
    FOR UPDATE OF note SKIP LOCKED
),
forgotten AS (
    DELETE FROM missing_returns note USING explained
    WHERE (note.source, note.entity, note.external_id)
        = (explained.source, explained.entity, explained.external_id)
),
due AS MATERIALIZED (
    SELECT note.source, note.entity, note.external_id FROM missing_returns note
    JOIN known USING (source, entity, external_id, ask_at)
    WHERE known.is_contradicted AND known.ask_at <= $4 AND known.asks < $5
    ORDER BY known.ask_at, known.external_id LIMIT $3
    FOR UPDATE OF note SKIP LOCKED
),
asked AS (
    UPDATE missing_returns note
    SET asks = note.asks + 1, ask_at = $4 + power(4, note.asks)::integer * interval '10 minutes'
    FROM due
    WHERE (note.source, note.entity, note.external_id) = (due.source, due.entity, due.external_id)
)
INSERT INTO refetch_requests (source, entity, external_id, part, reason, requested_at, due_at)
SELECT source, entity, external_id, 'returns', 'it says that money went back, and no such refund or dispute is stored', $4, $4
FROM due ORDER BY external_id
ON CONFLICT DO NOTHING
