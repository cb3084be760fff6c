-- Requests the returns of sales that contradict what is stored of them, the longest due first, at most $3; $4 is now.
-- A sale is asked about less and less often, and no more after $5 times until it changes.
WITH due AS MATERIALIZED (
    SELECT known.source, known.entity, known.external_id FROM missing_returns known
    CROSS JOIN LATERAL (
        SELECT FROM contradicted_sales sale
        WHERE sale.source = known.source AND sale.entity = known.entity AND sale.external_id = known.external_id
        OFFSET 0
    ) AS still
    WHERE known.source = $1 AND known.entity = $2 AND known.ask_at <= $4 AND known.asks < $5
    ORDER BY known.ask_at, known.external_id LIMIT $3
    FOR UPDATE OF known SKIP LOCKED
),
asked AS (
    UPDATE missing_returns known
    SET asks = known.asks + 1, ask_at = $4 + power(4, known.asks)::integer * interval '10 minutes'
    FROM due
    WHERE (known.source, known.entity, known.external_id) = (due.source, due.entity, due.external_id)
)
INSERT INTO refetch_requests (source, entity, external_id, part, reason, requested_at, due_at)
SELECT source, entity, external_id, 'returns', 'it says that money went back, and no such refund or dispute is stored', $4, $4
FROM due ORDER BY external_id
ON CONFLICT DO NOTHING
