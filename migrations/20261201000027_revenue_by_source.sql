-- Figures tell sources apart.

-- Revenue of a range of days, by source, from buckets that are known to be true and from the payments where they may not be.
--
-- `starts` and `ends` are the beginnings and ends of the days, which follow one another; `pieces` the numbers of the pieces of
-- the answer that they belong to. Days that were asked for before are kept as a whole (`known`), others are added up from
-- their buckets. Of both, what is kept of the buckets whose payments have changed since is taken away, and what those payments
-- add up to now takes its place. All of it, with freshness and open drift, is of one snapshot. Pieces are told apart for the
-- currency `told`; no `sources` are all. `with_bounds` says whether to tell where payments are. Where there are `most_marks`
-- or more they are not looked at: the answer is of no use then, and they are to be settled first.
--
-- It is a function so that its plan is made once for a session, also behind a pooler, and for any range, whatever is known of
-- the tables by then: planning takes longer than answering. A plan that was made before there were statistics would read
-- all buckets and days for each day: hence index scans alone, and lookups one by one (OFFSET 0). `source || ''` keeps it from
-- reading a whole source; see settle.sql.
DROP FUNCTION revenue_of_days(timestamptz[], timestamptz[], integer[], text, text, text[], boolean, bigint);
CREATE FUNCTION revenue_of_days(starts timestamptz[], ends timestamptz[], pieces integer[], of_basis text, told text,
                                of_sources text[], with_bounds boolean, most_marks bigint)
RETURNS TABLE (known_days text, unknown_days bigint, currencies text[], sources_of text[], pieces_of integer[], measures text[], amounts text[],
               payments_of bigint[], marks_seen bigint, recomputed bigint, freshness jsonb, verified_at timestamptz,
               drift jsonb, earliest timestamptz, latest timestamptz)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY WITH days AS MATERIALIZED (
    SELECT nth, starts_at, ends_at, piece
    FROM unnest(starts, ends, pieces) WITH ORDINALITY AS day (starts_at, ends_at, piece, nth)
),
range AS MATERIALIZED (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM days),
marks AS MATERIALIZED (SELECT count(*) AS number FROM (SELECT FROM revenue_unsettled LIMIT most_marks) AS seen),
unsettled AS MATERIALIZED (SELECT source, quarter FROM revenue_changed WHERE (SELECT number FROM marks) < most_marks),
-- The number of a day among beginnings in order is that of the bucket of a histogram.
changed AS MATERIALIZED (
    SELECT source, quarter, (pieces)[width_bucket(quarter, starts)] AS piece
    FROM unsettled, range
    WHERE quarter >= range.starts_at AND quarter < range.ends_at
),
counted AS (SELECT * FROM changed WHERE of_sources IS NULL OR source = ANY (of_sources)),
known AS MATERIALIZED (
    SELECT days.nth, days.piece, day.figures
    FROM days CROSS JOIN LATERAL (
        SELECT figures FROM revenue_days WHERE starts_at = days.starts_at AND ends_at = days.ends_at OFFSET 0
    ) AS day
),
figures AS (
    SELECT days.piece, bucket.source, bucket.currency, bucket.measure, bucket.amount, bucket.payments
    FROM days CROSS JOIN LATERAL (
        SELECT source, currency, measure, amount, payments FROM revenue_buckets
        WHERE quarter >= days.starts_at AND quarter < days.ends_at AND basis IN ('both', of_basis)
          AND (of_sources IS NULL OR source = ANY (of_sources))
        OFFSET 0
    ) AS bucket
    WHERE days.nth NOT IN (SELECT nth FROM known)
    UNION ALL
    SELECT counted.piece, counted.source, bucket.currency, bucket.measure, - bucket.amount, - bucket.payments
    FROM counted CROSS JOIN LATERAL (
        SELECT currency, measure, amount, payments FROM revenue_buckets
        WHERE quarter = counted.quarter AND source = counted.source AND basis IN ('both', of_basis)
        OFFSET 0
    ) AS bucket
    UNION ALL
    SELECT counted.piece, counted.source, counts.currency, counts.measure, counts.amount, counts.payments
    FROM counted CROSS JOIN LATERAL (
        SELECT currency, measure, sum(amount) AS amount, count(*) AS payments FROM revenue_rows
        WHERE source || '' = counted.source AND at >= counted.quarter AND at < counted.quarter + interval '15 minutes'
          AND basis IN ('both', of_basis)
        GROUP BY currency, measure
    ) AS counts
),
sums AS (
    SELECT currency, source, CASE WHEN currency = told THEN piece END AS piece, measure,
           sum(amount)::text AS amount, sum(payments)::bigint AS payments
    FROM figures GROUP BY 1, 2, 3, 4
),
gathered AS (
    SELECT array_agg(currency) AS currencies, array_agg(source) AS sources, array_agg(piece) AS pieces, array_agg(measure) AS measures,
           array_agg(amount) AS amounts, array_agg(payments) AS payments FROM sums
)
SELECT (SELECT '[' || coalesce(string_agg('[' || piece || ',' || figures || ']', ','), '') || ']' FROM known),
       (SELECT count(*) FROM days WHERE starts_at < ends_at) - (SELECT count(*) FROM known),
       coalesce(gathered.currencies, '{}'), coalesce(gathered.sources, '{}'), coalesce(gathered.pieces, '{}'), coalesce(gathered.measures, '{}'),
       coalesce(gathered.amounts, '{}'), coalesce(gathered.payments, '{}'),
       (SELECT number FROM marks),
       (SELECT count(*) FROM changed),
       (SELECT coalesce(jsonb_agg(to_jsonb(fresh)), '[]') FROM revenue_freshness fresh),
       (SELECT verified_at FROM revenue_proof),
       (SELECT coalesce(jsonb_agg(to_jsonb(drift) || jsonb_build_object('stored', drift.stored::text,
                                                                        'expected', drift.expected::text)), '[]')
        FROM revenue_drift drift, range
        WHERE drift.starts_at < range.ends_at AND drift.ends_at > range.starts_at AND drift.basis IN ('both', of_basis)
          AND (of_sources IS NULL OR drift.source = ANY (of_sources))),
       CASE WHEN with_bounds
            THEN least((SELECT min(quarter) FROM revenue_buckets), (SELECT min(quarter) FROM unsettled)) END,
       CASE WHEN with_bounds
            THEN greatest((SELECT max(quarter) FROM revenue_buckets), (SELECT max(quarter) FROM unsettled)) END
FROM gathered;
END
$$;
