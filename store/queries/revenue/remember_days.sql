-- Sums the buckets of days that are not known yet. The caller holds the lock of settling, so no bucket changes meanwhile.
WITH asked AS (
    SELECT asked.starts_at, asked.ends_at
    FROM unnest($1::timestamptz[], $2::timestamptz[]) AS asked (starts_at, ends_at)
    WHERE asked.starts_at < asked.ends_at
      AND NOT EXISTS (SELECT FROM revenue_days known
                      WHERE known.starts_at = asked.starts_at AND known.ends_at = asked.ends_at)
)
INSERT INTO revenue_days (starts_at, ends_at, figures)
SELECT asked.starts_at, asked.ends_at, day.figures
FROM asked CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_array(source, currency, basis, measure, amount::text, payments)), '[]') AS figures
    FROM (SELECT source, currency, basis, measure, sum(amount) AS amount, sum(payments)::bigint AS payments
          FROM revenue_buckets WHERE quarter >= asked.starts_at AND quarter < asked.ends_at
          GROUP BY source, currency, basis, measure) AS sums
    OFFSET 0
) AS day
ON CONFLICT DO NOTHING
