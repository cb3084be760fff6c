-- Sums the buckets of days that are not known yet. The caller holds the lock of settling, so no bucket changes meanwhile.
WITH asked AS (
    SELECT asked.starts_at, asked.ends_at
    FROM unnest($1::timestamptz[], $2::timestamptz[]) AS asked (starts_at, ends_at)
    WHERE asked.starts_at < asked.ends_at
      AND NOT EXISTS (SELECT FROM revenue_days known
                      WHERE known.starts_at = asked.starts_at AND known.ends_at = asked.ends_at AND known.source = '')
)
INSERT INTO revenue_days (starts_at, ends_at, source, currency, basis, measure, amount, payments)
SELECT asked.starts_at, asked.ends_at, '', '', '', '', 0, 0 FROM asked
UNION ALL
SELECT asked.starts_at, asked.ends_at, bucket.source, bucket.currency, bucket.basis, bucket.measure,
       sum(bucket.amount), sum(bucket.payments)::bigint
FROM asked JOIN revenue_buckets bucket ON bucket.quarter >= asked.starts_at AND bucket.quarter < asked.ends_at
GROUP BY asked.starts_at, asked.ends_at, bucket.source, bucket.currency, bucket.basis, bucket.measure
ON CONFLICT DO NOTHING
