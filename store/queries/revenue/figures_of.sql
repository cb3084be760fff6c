-- What quarters of an hour of a source add up to, from payments.
SELECT quarter.starts_at AS "starts_at!", counts.source AS "source!", counts.currency AS "currency!",
       counts.basis AS "basis!", counts.measure AS "measure!", sum(counts.amount)::text AS "amount!"
FROM (SELECT DISTINCT source, revenue_quarter(at) AS starts_at
      FROM unnest($1::text[], $2::timestamptz[]) AS place (source, at)) AS quarter
CROSS JOIN LATERAL (
    SELECT source, currency, basis, measure, amount FROM revenue_rows
    WHERE source || '' = quarter.source AND at >= quarter.starts_at AND at < quarter.starts_at + interval '15 minutes'
) AS counts
GROUP BY 1, 2, 3, 4, 5
