-- Refunds and disputes whose charge is not known, from $1 up to, and without, $2, as they were known at $3: by the day of the
-- charge they are nowhere.
SELECT counts.currency AS "currency!", counts.measure AS "measure!", sum(counts.amount)::text AS "amount!",
       count(*) AS "payments!"
FROM revenue_rows_as_of($3) counts
JOIN payments_as_of($3) given_back ON given_back.source = counts.source AND given_back.entity = counts.entity
     AND given_back.external_id = counts.external_id
WHERE counts.basis = 'event' AND counts.at >= $1 AND counts.at < $2
  AND ($4::text[] IS NULL OR counts.source = ANY ($4))
  AND NOT EXISTS (SELECT FROM payments_as_of($3) sale
                  WHERE sale.source = given_back.source AND sale.entity = given_back.entity
                    AND sale.external_id = given_back.parent_external_id
                    AND sale.kind NOT IN ('refund', 'dispute'))
GROUP BY counts.currency, counts.measure
