-- Everything that is kept of figures, compared with what it is a sum of: buckets with payments, days with buckets. What has
-- marks is being made anew and is left out.
WITH changed AS MATERIALIZED (SELECT source, quarter FROM revenue_changed),
computed AS (
    SELECT revenue_quarter(at) AS quarter, source, currency, basis, measure, sum(amount) AS amount, count(*) AS payments
    FROM revenue_rows GROUP BY 1, 2, 3, 4, 5
),
buckets AS (
    SELECT quarter AS starts_at, quarter + interval '15 minutes' AS ends_at, source, currency, basis, measure,
           coalesce(bucket.amount, 0) AS stored, coalesce(computed.amount, 0) AS expected
    FROM revenue_buckets bucket FULL JOIN computed USING (quarter, source, currency, basis, measure)
    WHERE (bucket.amount, bucket.payments) IS DISTINCT FROM (computed.amount, computed.payments)
      AND (source, quarter) NOT IN (SELECT source, quarter FROM changed)
),
kept AS (
    SELECT day.starts_at, day.ends_at, figure ->> 0 AS source, figure ->> 1 AS currency, figure ->> 2 AS basis,
           figure ->> 3 AS measure, (figure ->> 4)::numeric AS amount, (figure ->> 5)::bigint AS payments
    FROM revenue_days day CROSS JOIN LATERAL json_array_elements(day.figures) AS figure
),
added AS (
    SELECT day.starts_at, day.ends_at, bucket.source, bucket.currency, bucket.basis, bucket.measure,
           sum(bucket.amount) AS amount, sum(bucket.payments)::bigint AS payments
    FROM revenue_days day JOIN revenue_buckets bucket ON bucket.quarter >= day.starts_at AND bucket.quarter < day.ends_at
    GROUP BY 1, 2, 3, 4, 5, 6
),
days AS (
    SELECT starts_at, ends_at, source, currency, basis, measure,
           coalesce(kept.amount, 0) AS stored, coalesce(added.amount, 0) AS expected
    FROM kept FULL JOIN added USING (starts_at, ends_at, source, currency, basis, measure)
    WHERE (kept.amount, kept.payments) IS DISTINCT FROM (added.amount, added.payments)
)
SELECT starts_at AS "starts_at!", ends_at AS "ends_at!", source AS "source!", currency AS "currency!", basis AS "basis!",
       measure AS "measure!", stored::text AS "stored!", expected::text AS "expected!"
FROM (SELECT * FROM buckets UNION ALL SELECT * FROM days) AS differences
ORDER BY starts_at, ends_at, source, currency, basis, measure
LIMIT $1
