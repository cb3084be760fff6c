-- What there is to know of two payments before something is decided about them: $1 are their sources, $2 their ids. What a
-- payment counts for is none where it is not collected.
SELECT (stored.external_id IS NOT NULL) AS "is_stored!", counts.measure AS "measure?",
       excluded.id AS "excluded_by?", excluded.counted_source AS "counted_source?",
       excluded.counted_external_id AS "counted_external_id?",
       (SELECT decided.id FROM revenue_exclusions decided
        WHERE decided.counted_source = asked.source AND decided.counted_entity = 'payments'
          AND decided.counted_external_id = asked.external_id AND decided.revoked_at IS NULL
        ORDER BY decided.id LIMIT 1) AS "counted_by?"
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (source, external_id, nth)
LEFT JOIN payments stored ON stored.source = asked.source AND stored.entity = 'payments'
     AND stored.external_id = asked.external_id
LEFT JOIN revenue_rows counts ON counts.source = asked.source AND counts.entity = 'payments'
     AND counts.external_id = asked.external_id AND counts.basis = 'both'
     AND counts.measure = 'collected'
LEFT JOIN revenue_exclusions excluded ON excluded.source = asked.source AND excluded.entity = 'payments'
     AND excluded.external_id = asked.external_id AND excluded.revoked_at IS NULL
ORDER BY asked.nth
