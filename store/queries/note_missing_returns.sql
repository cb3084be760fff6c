-- Looks at sales after a batch: those that contradict their returns are noted, the others are forgotten. $1 to $3 are the
-- keys, $4 says which of them are of the batch themselves and may say something new, $5 is now.
--
-- Sales are looked up one by one (OFFSET 0), as they are few among all. A row that another writer holds is left to it: it
-- only says where to look.
WITH looked_at AS MATERIALIZED (
    SELECT source, entity, external_id, bool_or(is_new) AS is_new
    FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) AS sale (source, entity, external_id, is_new)
    GROUP BY source, entity, external_id
),
contradicted AS MATERIALIZED (
    SELECT looked_at.* FROM looked_at
    CROSS JOIN LATERAL (
        SELECT FROM contradicted_sales sale
        WHERE sale.source = looked_at.source AND sale.entity = looked_at.entity
          AND sale.external_id = looked_at.external_id
        OFFSET 0
    ) AS found
),
noted AS (
    INSERT INTO missing_returns AS known (source, entity, external_id, noted_at, ask_at)
    SELECT source, entity, external_id, $5, $5 FROM contradicted
    WHERE is_new OR NOT EXISTS (SELECT FROM missing_returns
                                WHERE (missing_returns.source, missing_returns.entity, missing_returns.external_id)
                                    = (contradicted.source, contradicted.entity, contradicted.external_id))
    ORDER BY source, entity, external_id
    ON CONFLICT (source, entity, external_id) DO UPDATE SET asks = 0, ask_at = excluded.ask_at
),
settled AS (
    SELECT source, entity, external_id FROM missing_returns
    WHERE (source, entity, external_id) IN (
        SELECT source, entity, external_id FROM looked_at
        EXCEPT SELECT source, entity, external_id FROM contradicted)
    FOR UPDATE SKIP LOCKED
)
DELETE FROM missing_returns known USING settled
WHERE (known.source, known.entity, known.external_id) = (settled.source, settled.entity, settled.external_id)
