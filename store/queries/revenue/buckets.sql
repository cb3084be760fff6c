-- Revenue of a range of days, from buckets that are known to be true and from the payments where they may not be.
--
-- $1 and $2 are the beginnings and ends of the days, which follow one another; $3 the piece of the answer that each belongs
-- to. Days that somebody asked for before are rows of their own, other ones are added up from their quarters of an hour;
-- a quarter whose payments have changed since is computed from them. All of it, with freshness and open drift, is of one
-- snapshot. $4 is the basis, $5 the currency whose pieces are told apart, $6 the sources, none
-- for all, $7 whether to tell where payments are. Where there are $8 marks or more they are
-- not looked at: the answer is of no use then, and they are to be settled first.
-- `source || ''` keeps the planner from reading a whole source; see settle.sql.
WITH days AS MATERIALIZED (
    SELECT nth, starts_at, ends_at, piece
    FROM unnest($1::timestamptz[], $2::timestamptz[], $3::integer[]) WITH ORDINALITY
         AS day (starts_at, ends_at, piece, nth)
),
range AS MATERIALIZED (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM days),
marks AS MATERIALIZED (SELECT count(*) AS number FROM (SELECT FROM revenue_unsettled LIMIT $8) AS seen),
unsettled AS MATERIALIZED (SELECT source, quarter FROM revenue_changed WHERE (SELECT number FROM marks) < $8),
-- The number of a day among beginnings in order is that of the bucket of a histogram.
changed AS MATERIALIZED (
    SELECT unsettled.source, unsettled.quarter, width_bucket(unsettled.quarter, $1::timestamptz[]) AS nth
    FROM unsettled, range
    WHERE unsettled.quarter >= range.starts_at AND unsettled.quarter < range.ends_at
),
known AS MATERIALIZED (
    SELECT days.nth, days.piece, day.source, day.currency, day.basis, day.measure, day.amount, day.payments
    FROM days JOIN revenue_days day ON day.starts_at = days.starts_at AND day.ends_at = days.ends_at
    WHERE days.nth NOT IN (SELECT nth FROM changed)
),
figures AS (
    SELECT piece, source, currency, basis, measure, amount, payments FROM known WHERE source <> ''
    UNION ALL
    SELECT days.piece, bucket.source, bucket.currency, bucket.basis, bucket.measure, bucket.amount, bucket.payments
    FROM days JOIN revenue_buckets bucket ON bucket.quarter >= days.starts_at AND bucket.quarter < days.ends_at
    WHERE days.nth NOT IN (SELECT nth FROM known WHERE source = '')
      AND (bucket.source, bucket.quarter) NOT IN (SELECT source, quarter FROM changed)
    UNION ALL
    SELECT days.piece, changed.source, counts.currency, counts.basis, counts.measure, counts.amount, counts.payments
    FROM changed JOIN days USING (nth) CROSS JOIN LATERAL (
        SELECT currency, basis, measure, sum(amount) AS amount, count(*) AS payments FROM revenue_rows
        WHERE source || '' = changed.source AND at >= changed.quarter AND at < changed.quarter + interval '15 minutes'
          AND basis IN ('both', $4)
        GROUP BY currency, basis, measure
    ) AS counts
),
sums AS (
    SELECT currency, CASE WHEN currency = $5 THEN piece END AS piece, measure,
           sum(amount)::text AS amount, sum(payments)::bigint AS payments
    FROM figures
    WHERE basis IN ('both', $4) AND ($6::text[] IS NULL OR source = ANY ($6))
    GROUP BY 1, 2, 3
)
SELECT coalesce(gathered.currencies, '{}') AS "currencies!",
       coalesce(gathered.pieces, '{}') AS "pieces!: Vec<Option<i32>>",
       coalesce(gathered.measures, '{}') AS "measures!", coalesce(gathered.amounts, '{}') AS "amounts!",
       coalesce(gathered.payments, '{}') AS "payments!",
       (SELECT number FROM marks) AS "marks!",
       (SELECT count(*) FROM changed) AS "recomputed!",
       (SELECT count(*) FROM days WHERE starts_at < ends_at)
           - (SELECT count(*) FROM known WHERE source = '') AS "unknown_days!",
       (SELECT coalesce(jsonb_agg(to_jsonb(fresh)), '[]') FROM revenue_freshness fresh) AS "freshness!",
       (SELECT verified_at FROM revenue_proof) AS verified_at,
       (SELECT coalesce(jsonb_agg(to_jsonb(drift) || jsonb_build_object('stored', drift.stored::text,
                                                                             'expected', drift.expected::text)), '[]') FROM revenue_drift drift, range
        WHERE drift.starts_at < range.ends_at AND drift.ends_at > range.starts_at AND drift.basis IN ('both', $4)
          AND ($6::text[] IS NULL OR drift.source = ANY ($6))) AS "drift!",
       CASE WHEN $7 THEN least((SELECT min(quarter) FROM revenue_buckets), (SELECT min(quarter) FROM unsettled)) END
           AS earliest,
       CASE WHEN $7 THEN greatest((SELECT max(quarter) FROM revenue_buckets), (SELECT max(quarter) FROM unsettled)) END
           AS latest
FROM (SELECT array_agg(currency) AS currencies, array_agg(piece) AS pieces, array_agg(measure) AS measures,
             array_agg(amount) AS amounts, array_agg(payments) AS payments FROM sums) AS gathered
