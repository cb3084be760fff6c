-- Revenue by currency: one row for each bucket, and one for the whole range where `bucket` is null.
--
-- Days begin at midnight in the zone $4, so a bucket on a day when clocks change has 23 or 25 hours. The range is closed
-- at both ends in days: up to, and without, the midnight after the last day. Totals are not made of the buckets: both
-- come from the same rows by different grouping, so that comparing them proves something.
--
-- A charge's refunds count only beyond what was never captured: giving up an authorisation is called a refund as well, and
-- is made at the moment of the capture, so it is among the first. `released` takes it out again, by a negative amount
-- beside the refund itself, which leaves the great mass of rows to the index.
--
-- Freshness comes in every row, so that one statement, and with it one snapshot, answers. What is enqueued and not yet
-- processed is not in the figures, so they reach only as far as the oldest of it. Where there are no figures there is a
-- row without any.
WITH released AS (
    SELECT refund.source, refund.currency, refund.occurred_at,
           least(refund.amount_minor,
                 charge.uncaptured_minor - sum(refund.amount_minor) OVER earlier + refund.amount_minor)::bigint AS amount
    FROM payments charge
    JOIN payments refund ON refund.source = charge.source AND refund.entity = charge.entity
         AND refund.parent_external_id = charge.external_id
    WHERE charge.uncaptured_minor > 0 AND refund.status = 'REFUNDED' AND refund.deleted_at IS NULL
    WINDOW earlier AS (PARTITION BY charge.source, charge.entity, charge.external_id
                       ORDER BY refund.occurred_at, refund.external_id)
),
counted AS (
    SELECT source, currency, status, amount_minor, occurred_at FROM payments
    WHERE status IN ('COLLECTED', 'REFUNDED', 'DISPUTED') AND deleted_at IS NULL
    UNION ALL
    SELECT source, currency, 'REFUNDED', -amount, occurred_at FROM released WHERE amount > 0
),
selected AS (
    SELECT currency, status, amount_minor, date_trunc($5, occurred_at AT TIME ZONE $4)::date AS bucket
    FROM counted
    WHERE occurred_at >= coalesce($1::date::timestamp AT TIME ZONE $4, '-infinity')
      AND occurred_at < coalesce(($2::date + 1)::timestamp AT TIME ZONE $4, 'infinity')
      AND ($3::text IS NULL OR source = $3)
),
figures AS (
    SELECT currency,
           bucket,
           coalesce(sum(amount_minor) FILTER (WHERE status = 'COLLECTED'), 0)::text AS collected,
           count(*) FILTER (WHERE status = 'COLLECTED') AS count,
           coalesce(sum(amount_minor) FILTER (WHERE status = 'REFUNDED'), 0)::text AS refunded,
           coalesce(sum(amount_minor) FILTER (WHERE status = 'DISPUTED'), 0)::text AS disputed
    FROM selected
    GROUP BY GROUPING SETS ((currency, bucket), (currency))
),
freshness AS (
    SELECT coalesce(jsonb_object_agg(fetched.source, fetched.through), '{}') AS by_source
    FROM (
        SELECT c.source,
               CASE WHEN c.data_through IS NOT NULL THEN
                   least(c.data_through, (SELECT min(o.observed_at) FROM ingest_outbox o
                                          WHERE o.source = c.source AND o.entity = c.entity))
               END AS through
        FROM sync_cursors c WHERE c.entity = $6
    ) AS fetched
)
SELECT figures.currency AS "currency?", figures.bucket AS "bucket?", figures.collected AS "collected?",
       figures.count AS "count?", figures.refunded AS "refunded?", figures.disputed AS "disputed?",
       freshness.by_source AS "freshness!"
FROM freshness LEFT JOIN figures ON true
ORDER BY figures.currency, figures.bucket
