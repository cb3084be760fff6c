-- Revenue of pieces of a range from the payments alone, as they were known at $4: what buckets can't answer, since they are
-- of the present and begin at quarters of an hour.
--
-- $1 and $2 are the beginnings and ends of the pieces, which follow one another; $3 their numbers. $5 is the basis, $6 the
-- currency whose pieces are told apart, $7 the sources, none for all, $8 whether to tell where payments are, or were.
WITH range AS (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at
               FROM unnest($1::timestamptz[], $2::timestamptz[]) AS piece (starts_at, ends_at)),
-- Each is found at an end of an index, but for states that were replaced since.
edges AS (
    SELECT unnest(ARRAY[min(occurred_at), max(occurred_at)]) AS at FROM payments WHERE kind IN ('refund', 'dispute')
    UNION ALL
    SELECT unnest(ARRAY[min(occurred_at), max(occurred_at)]) FROM payments WHERE kind NOT IN ('refund', 'dispute')
    UNION ALL
    SELECT unnest(ARRAY[min(occurred_at), max(occurred_at)]) FROM payment_history WHERE superseded_at > $4
),
sums AS (
    SELECT counts.currency, counts.source,
           CASE WHEN counts.currency = $6 THEN ($3::integer[])[width_bucket(counts.at, $1::timestamptz[])] END AS piece,
           counts.measure, sum(counts.amount)::text AS amount, count(*) AS payments
    FROM revenue_rows_as_of($4) counts, range
    WHERE counts.at >= range.starts_at AND counts.at < range.ends_at AND counts.basis IN ('both', $5)
      AND ($7::text[] IS NULL OR counts.source = ANY ($7))
    GROUP BY 1, 2, 3, 4
)
SELECT coalesce(array_agg(currency), '{}') AS "currencies!", coalesce(array_agg(source), '{}') AS "sources!",
       coalesce(array_agg(piece), '{}') AS "pieces!: Vec<Option<i32>>",
       coalesce(array_agg(measure), '{}') AS "measures!", coalesce(array_agg(amount), '{}') AS "amounts!",
       coalesce(array_agg(payments), '{}') AS "payments!",
       (SELECT coalesce(jsonb_agg(to_jsonb(fresh)), '[]') FROM revenue_freshness fresh) AS "freshness!",
       (SELECT verified_at FROM revenue_proof) AS verified_at,
       (SELECT coalesce(jsonb_agg(to_jsonb(drift) || jsonb_build_object('stored', drift.stored::text,
                                                                             'expected', drift.expected::text)), '[]') FROM revenue_drift drift, range
        WHERE drift.starts_at < range.ends_at AND drift.ends_at > range.starts_at AND drift.basis IN ('both', $5)
          AND ($7::text[] IS NULL OR drift.source = ANY ($7))) AS "drift!",
       '[]' AS "known_days!", 0::bigint AS "unknown_days!", 0::bigint AS "marks!", 0::bigint AS "recomputed!",
       CASE WHEN $8 THEN (SELECT min(at) FROM edges) END AS earliest,
       CASE WHEN $8 THEN (SELECT max(at) FROM edges) END AS latest,
       missing_returns_of((SELECT starts_at FROM range), (SELECT ends_at FROM range), $5, $7) AS "missing_returns!"
FROM sums
