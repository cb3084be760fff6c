-- Requests that open payments from before $3 are read again, at most $4: those first of which nothing was heard for longest,
-- and none that was heard of since $5, so that each run goes on where the last one ended.
INSERT INTO refetch_requests (source, entity, external_id, part, reason, requested_at, due_at)
SELECT open.source, open.entity, open.external_id, 'record', $6::text, $7::timestamptz, $7::timestamptz
FROM payments open JOIN record_heads head USING (source, entity, external_id)
WHERE open.source = $1 AND open.entity = $2 AND open.status = 'PENDING' AND open.deleted_at IS NULL
  AND open.occurred_at < $3 AND head.observed_at < $5
ORDER BY head.observed_at
LIMIT $4
ON CONFLICT DO NOTHING
