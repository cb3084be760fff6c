-- Revenue by currency: one row for each bucket, and one for the whole range where `bucket` is null.
--
-- Days begin at midnight in the zone $4, so a bucket on a day when clocks change has 23 or 25 hours. The range is closed
-- at both ends in days: up to, and without, the midnight after the last day. Totals are not made of the buckets: both
-- come from the same rows by different grouping, so that comparing them proves something.
WITH selected AS (
    SELECT currency, status, amount_minor, date_trunc($5, occurred_at AT TIME ZONE $4)::date AS bucket
    FROM payments
    WHERE status IN ('COLLECTED', 'REFUNDED', 'DISPUTED') AND deleted_at IS NULL
      AND occurred_at >= coalesce($1::date::timestamp AT TIME ZONE $4, '-infinity')
      AND occurred_at < coalesce(($2::date + 1)::timestamp AT TIME ZONE $4, 'infinity')
      AND ($3::text IS NULL OR source = $3)
)
SELECT currency AS "currency!",
       bucket,
       coalesce(sum(amount_minor) FILTER (WHERE status = 'COLLECTED'), 0)::text AS "collected!",
       count(*) FILTER (WHERE status = 'COLLECTED') AS "count!",
       coalesce(sum(amount_minor) FILTER (WHERE status = 'REFUNDED'), 0)::text AS "refunded!",
       coalesce(sum(amount_minor) FILTER (WHERE status = 'DISPUTED'), 0)::text AS "disputed!"
FROM selected
GROUP BY GROUPING SETS ((currency, bucket), (currency))
ORDER BY currency, bucket
