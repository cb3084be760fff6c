-- Records that were not seen since a listing of everything began, in the order of their ids. A record of which the newest
-- state is that it is gone is not looked for again; what was erased (content '\x00') is not looked for at all.
SELECT head.external_id
FROM record_heads head
WHERE head.source = $1 AND head.entity = $2 AND starts_with(head.external_id, $3) AND head.observed_at < $4
  AND head.external_id > $5 AND head.external_id <> ALL ($6::text[]) AND head.content_hash <> '\x00'
  AND NOT EXISTS (SELECT FROM payments p WHERE p.source = head.source AND p.entity = head.entity
                  AND p.external_id = head.external_id AND p.revision = head.revision AND p.deleted_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM contacts c WHERE c.source = head.source AND c.entity = head.entity
                  AND c.external_id = head.external_id AND c.revision = head.revision AND c.deleted_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM events e WHERE e.source = head.source AND e.entity = head.entity
                  AND e.external_id = head.external_id AND e.revision = head.revision AND e.deleted_at IS NOT NULL)
ORDER BY head.external_id LIMIT $7
