-- Decisions about payments that look like one sale, the newest first. $1: which ones, `all`, `in force` or `doubtful`; $2: the
-- sources that count, none for all.
SELECT exclusion.id AS "id!", 'excluded' AS "verdict!", exclusion.source AS "source!",
       exclusion.external_id AS "external_id!", exclusion.counted_source AS "other_source!",
       exclusion.counted_external_id AS "other_external_id!", exclusion.reason AS "reason!",
       exclusion.decided_by AS "decided_by!", exclusion.decided_at AS "decided_at!", exclusion.revoked_by,
       exclusion.revoked_at, counted.external_id IS NOT NULL AS "counted_is_collected!",
       ($2::text[] IS NULL OR exclusion.counted_source = ANY ($2)) AS "source_counts!"
FROM revenue_exclusions exclusion
LEFT JOIN revenue_rows counted ON counted.source = exclusion.counted_source
     AND counted.entity = exclusion.counted_entity AND counted.external_id = exclusion.counted_external_id
     AND counted.basis = 'both' AND counted.measure = 'collected'
WHERE CASE $1::text WHEN 'all' THEN true
                    WHEN 'in force' THEN exclusion.revoked_at IS NULL
                    ELSE exclusion.revoked_at IS NULL
                         AND (counted.external_id IS NULL OR exclusion.counted_source <> ALL ($2)) END
UNION ALL
SELECT id, 'distinct', source, external_id, other_source, other_external_id, reason, decided_by, decided_at, revoked_by,
       revoked_at, true, true
FROM revenue_distinct_pairs
WHERE $1 = 'all' OR ($1 = 'in force' AND revoked_at IS NULL)
ORDER BY 9 DESC, 1 DESC
