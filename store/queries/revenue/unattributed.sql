-- Refunds and disputes whose charge is not known, from $1 up to, and without, $2, as they were known at $3: by the day of the
-- charge they are nowhere. The limit and the offset keep the planner from reading all payments to find the few.
WITH orphans AS MATERIALIZED (
    SELECT given_back.source, given_back.entity, given_back.external_id
    FROM payments_as_of($3) given_back
    LEFT JOIN LATERAL (
        SELECT true AS is_known FROM payments_as_of($3) sale
        WHERE sale.source = given_back.source AND sale.entity = given_back.entity
          AND sale.external_id = given_back.parent_external_id AND sale.kind NOT IN ('refund', 'dispute')
        LIMIT 1
    ) AS sale ON true
    WHERE given_back.kind IN ('refund', 'dispute') AND given_back.occurred_at >= $1 AND given_back.occurred_at < $2
      AND ($4::text[] IS NULL OR given_back.source = ANY ($4)) AND sale.is_known IS NULL
)
SELECT counts.currency AS "currency!", counts.measure AS "measure!", sum(counts.amount)::text AS "amount!",
       count(*) AS "payments!"
FROM orphans CROSS JOIN LATERAL (
    SELECT currency, measure, amount FROM revenue_rows_as_of($3)
    WHERE basis = 'event' AND source = orphans.source AND entity = orphans.entity
      AND external_id = orphans.external_id
    OFFSET 0
) AS counts
GROUP BY counts.currency, counts.measure
