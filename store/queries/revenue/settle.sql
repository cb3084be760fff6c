-- Computes the buckets that have marks from the payments, writes them, forgets the days they are in, and deletes the marks.
--
-- The caller holds the lock of settling since before this statement began, so its snapshot holds what the one before it
-- wrote, and nobody writes a bucket with an older snapshot afterwards. Whoever commits a payment after the snapshot was
-- taken leaves a mark that is not seen here, and so stays.
-- `source || ''` is in no index: where there are no statistics, the planner takes a source for a better key than the time, and
-- reads all of its payments for each bucket.
WITH unsettled AS MATERIALIZED (SELECT DISTINCT place FROM revenue_unsettled),
changed AS MATERIALIZED (SELECT source, quarter FROM revenue_changed),
computed AS MATERIALIZED (
    SELECT changed.quarter, changed.source, counts.currency, counts.basis, counts.measure, counts.amount, counts.payments
    FROM changed CROSS JOIN LATERAL (
        SELECT currency, basis, measure, sum(amount) AS amount, count(*) AS payments FROM revenue_rows
        WHERE source || '' = changed.source AND at >= changed.quarter AND at < changed.quarter + interval '15 minutes'
        GROUP BY currency, basis, measure
    ) AS counts
),
written AS (
    INSERT INTO revenue_buckets AS known (quarter, source, currency, basis, measure, amount, payments)
    SELECT quarter, source, currency, basis, measure, amount, payments FROM computed
    ON CONFLICT (quarter, source, currency, basis, measure) DO UPDATE
        SET amount = excluded.amount, payments = excluded.payments
        WHERE (known.amount, known.payments) IS DISTINCT FROM (excluded.amount, excluded.payments)
),
-- As a difference of sets: what the planner believes of tables that were just filled would make an anti-join a loop in a loop.
empty AS (
    SELECT known.quarter, known.source, known.currency, known.basis, known.measure
    FROM changed JOIN revenue_buckets known ON known.quarter = changed.quarter AND known.source = changed.source
    EXCEPT
    SELECT quarter, source, currency, basis, measure FROM computed
),
emptied AS (
    DELETE FROM revenue_buckets known USING empty
    WHERE (known.quarter, known.source, known.currency, known.basis, known.measure)
        = (empty.quarter, empty.source, empty.currency, empty.basis, empty.measure)
),
-- No day of any zone has lasted more than two of UTC's.
forgotten AS (
    DELETE FROM revenue_days day USING (SELECT DISTINCT quarter FROM changed) AS changed
    WHERE day.starts_at > changed.quarter - interval '2 days' AND day.starts_at <= changed.quarter
      AND day.ends_at > changed.quarter
),
settled AS (
    DELETE FROM revenue_marks mark USING unsettled WHERE mark.ctid = unsettled.place
),
bound AS (
    UPDATE revenue_proof SET settled_below = pg_snapshot_xmin(pg_current_snapshot()),
        settled_in = (SELECT system_identifier FROM pg_control_system())
    WHERE EXISTS (SELECT FROM unsettled)
)
SELECT count(*) AS "buckets!" FROM changed
