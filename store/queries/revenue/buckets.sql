-- Revenue of a range of days, from buckets that are known to be true and from the payments where they may not be: see the
-- function.
SELECT known_days AS "known_days!", unknown_days AS "unknown_days!", currencies AS "currencies!",
       sources_of AS "sources!", pieces_of AS "pieces!: Vec<Option<i32>>", measures AS "measures!", amounts AS "amounts!", payments_of AS "payments!",
       marks_seen AS "marks!", recomputed AS "recomputed!", freshness AS "freshness!", verified_at, drift AS "drift!",
       earliest, latest,
       missing_returns_of(($1)[1], ($2)[cardinality($2)], $4, $6) AS "missing_returns!"
FROM revenue_of_days($1, $2, $3, $4, $5, $6, $7, $8)
