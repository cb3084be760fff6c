-- Records of payments of which nothing is stored, or only an older state, though nothing of them waits or is a dead letter: by
-- key, at most $1, with the number of all.
--
-- `behind` has the newest raw record of each such record, which says what is missing.
-- `lost` are records of which not even that is left: the source has to be asked again.
WITH behind AS MATERIALIZED (
    SELECT DISTINCT ON (raw.source, raw.external_id) raw.source, raw.external_id, raw.id
    FROM raw_records raw
    WHERE raw.entity = 'payments'
      AND NOT EXISTS (SELECT FROM payments known
                      WHERE known.source = raw.source AND known.entity = raw.entity
                        AND known.external_id = raw.external_id AND known.revision >= raw.revision)
      AND NOT EXISTS (SELECT FROM ingest_outbox waiting WHERE waiting.raw_id = raw.id)
      AND NOT EXISTS (SELECT FROM dead_letters dead WHERE dead.raw_id = raw.id)
    ORDER BY raw.source, raw.external_id, raw.revision DESC, raw.id DESC
),
lost AS (
    SELECT head.source, head.external_id, NULL::bigint AS id
    FROM record_heads head
    WHERE head.entity = 'payments'
      AND NOT EXISTS (SELECT FROM payments known
                      WHERE known.source = head.source AND known.entity = head.entity
                        AND known.external_id = head.external_id)
      AND NOT EXISTS (SELECT FROM ingest_outbox waiting
                      WHERE waiting.source = head.source AND waiting.entity = head.entity
                        AND waiting.external_id = head.external_id)
      AND NOT EXISTS (SELECT FROM dead_letters dead
                      WHERE dead.source = head.source AND dead.entity = head.entity
                        AND dead.external_id = head.external_id)
      AND NOT EXISTS (SELECT FROM behind
                      WHERE behind.source = head.source AND behind.external_id = head.external_id)
)
SELECT source AS "source!", external_id AS "external_id!", id AS raw_id, count(*) OVER () AS "number!"
FROM (SELECT * FROM behind UNION ALL SELECT * FROM lost) AS missing
ORDER BY source, external_id LIMIT $1
