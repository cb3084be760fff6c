-- What payments count for from $1 up to, and without, $2, with the state of each and the raw record that it was made of.
--
-- `counted` is a part of the list in the order of times and keys, behind the place of $7 to $11 where there is one, at most
--           $12 rows. $3 is the basis, $4 the currency, $5 the sources and $6 the measures, none for all. Without $13 it is
--           what is known now, otherwise what was known at $13; the half that is not asked for is never run.
-- States and raw records are looked up row by row (OFFSET 0), by their indexes. Of a raw record only the id is known, so it
-- is looked for in the index of each partition; its key is compared, since ids of a restored database may have been given
-- to another record.
WITH counted AS MATERIALIZED (
    SELECT * FROM (
        SELECT source, entity, external_id, measure, at, amount FROM revenue_rows
        WHERE $13::timestamptz IS NULL
          AND at >= $1 AND at < $2 AND basis IN ('both', $3) AND currency = $4
          AND ($5::text[] IS NULL OR source = ANY ($5)) AND ($6::text[] IS NULL OR measure = ANY ($6))
          AND ($7::timestamptz IS NULL
               OR (at, source, entity, external_id, measure) > ($7, $8::text, $9::text, $10::text, $11::text))
        UNION ALL
        SELECT source, entity, external_id, measure, at, amount FROM revenue_rows_as_of($13)
        WHERE $13 IS NOT NULL
          AND at >= $1 AND at < $2 AND basis IN ('both', $3) AND currency = $4
          AND ($5::text[] IS NULL OR source = ANY ($5)) AND ($6::text[] IS NULL OR measure = ANY ($6))
          AND ($7::timestamptz IS NULL
               OR (at, source, entity, external_id, measure) > ($7, $8::text, $9::text, $10::text, $11::text))
    ) AS counts
    ORDER BY at, source, entity, external_id, measure
    LIMIT $12
)
SELECT counted.source AS "source!", counted.entity AS "entity!", counted.external_id AS "external_id!",
       counted.measure AS "measure!", counted.at AS "at!", counted.amount AS "amount!",
       state.kind AS "kind!", state.status AS "status!", state.raw_status AS "raw_status!",
       state.occurred_at AS "occurred_at!", state.parent_external_id AS "parent_external_id?",
       state.customer_external_id AS "customer_external_id?", state.observed_at AS "observed_at!",
       state.updated_at AS "updated_at!", raw.run_id AS "run_id?", raw.fetched_at AS "fetched_at?",
       raw.api_version AS "api_version?", raw.payload AS "payload?"
FROM counted
CROSS JOIN LATERAL (
    SELECT kind, status, raw_status, occurred_at, parent_external_id, customer_external_id, observed_at, updated_at, raw_id
    FROM payments known
    WHERE known.source = counted.source AND known.entity = counted.entity
      AND known.external_id = counted.external_id AND ($13 IS NULL OR known.updated_at <= $13)
    UNION ALL
    SELECT kind, status, raw_status, occurred_at, parent_external_id, customer_external_id, observed_at, updated_at, raw_id
    FROM payment_history former
    WHERE $13 IS NOT NULL AND former.source = counted.source AND former.entity = counted.entity
      AND former.external_id = counted.external_id AND former.updated_at <= $13 AND former.superseded_at > $13
    OFFSET 0
) AS state
LEFT JOIN LATERAL (
    SELECT run_id, fetched_at, api_version, payload FROM raw_records record
    WHERE record.id = state.raw_id AND record.source = counted.source AND record.entity = counted.entity
      AND record.external_id = counted.external_id
    OFFSET 0
) AS raw ON true
ORDER BY counted.at, counted.source, counted.entity, counted.external_id, counted.measure
