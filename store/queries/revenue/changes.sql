-- What restated days from $1 up to, and without, $2: what payments counted for on a day when it had ended, or at $1 where that
-- was later, and count for at $2. $3 are midnights of the zone, up to the last one before $2; a day is the number of its own.
-- $4 are the sources and $5 is the currency, none for all. Rows follow the place of $6 to $12 where there is one, at most $13.
--
-- `fetched`  what a source had said when it was first fetched to its end restates nothing, whenever it was processed.
-- `changes`  states that took the place of others and differ in what counts, and payments that were added, if that may
--            restate a day that had ended. What is uncaptured may restate the days of other payments.
-- `affected` the payments of which that may be so: those that changed, returns of a sale with something uncaptured of which
--            the sale or another return changed, and what somebody decided about.
-- `days`     the days on which they may count, with the last change after each.
-- `restated` those on which they count otherwise.
-- Payments are looked up one by one, by their keys (OFFSET 0), as those that changed are few among all.
WITH fetched AS MATERIALIZED (
    SELECT source, min(finished_at) AS at FROM sync_runs
    WHERE entity = 'payments' AND mode IN ('incremental', 'full') AND status = 'success'
      AND ($4::text[] IS NULL OR source = ANY ($4))
    GROUP BY source
),
changes AS MATERIALIZED (
    SELECT former.source, former.entity, former.external_id, former.superseded_at AS at,
           ARRAY[former.parent_external_id, new.parent_external_id] AS sales,
           greatest(former.uncaptured_minor, new.uncaptured_minor) AS uncaptured
    FROM payment_history former
    JOIN fetched ON fetched.source = former.source
    LEFT JOIN LATERAL (
        SELECT kind, status, amount_minor, currency, occurred_at, deleted_at, uncaptured_minor, withdrawn_minor,
               parent_external_id, observed_at, capturable_minor, money_moved, without_payment, claimed_refunded_minor
        FROM payments known
        WHERE known.source = former.source AND known.entity = former.entity AND known.external_id = former.external_id
          AND known.updated_at = former.superseded_at
        UNION ALL
        SELECT kind, status, amount_minor, currency, occurred_at, deleted_at, uncaptured_minor, withdrawn_minor,
               parent_external_id, observed_at, capturable_minor, money_moved, without_payment, claimed_refunded_minor
        FROM payment_history known
        WHERE known.source = former.source AND known.entity = former.entity AND known.external_id = former.external_id
          AND known.updated_at = former.superseded_at AND known.superseded_at > known.updated_at
        OFFSET 0
    ) AS new ON true
    WHERE former.superseded_at >= $1 AND former.superseded_at < $2 AND former.superseded_at > former.updated_at
      AND (greatest(former.uncaptured_minor, new.uncaptured_minor) > 0
           OR least(former.occurred_at, new.occurred_at)
              < ($3::timestamptz[])[width_bucket(former.superseded_at, $3::timestamptz[])])
      AND (new.observed_at IS NULL
           OR new.observed_at > fetched.at
              AND (former.kind, former.status, former.amount_minor, former.currency, former.occurred_at,
                   former.deleted_at IS NULL, former.uncaptured_minor, former.withdrawn_minor, former.parent_external_id,
                   former.capturable_minor, former.money_moved, former.without_payment, former.claimed_refunded_minor)
                  IS DISTINCT FROM
                  (new.kind, new.status, new.amount_minor, new.currency, new.occurred_at,
                   new.deleted_at IS NULL, new.uncaptured_minor, new.withdrawn_minor, new.parent_external_id,
                   new.capturable_minor, new.money_moved, new.without_payment, new.claimed_refunded_minor))
    UNION ALL
    SELECT added.source, added.entity, added.external_id, added.created_at, ARRAY[added.parent_external_id],
           added.uncaptured_minor
    FROM payments added
    JOIN fetched ON fetched.source = added.source
    WHERE added.created_at >= $1 AND added.created_at < $2 AND added.observed_at > fetched.at
      AND (added.uncaptured_minor > 0
           OR added.occurred_at < ($3::timestamptz[])[width_bucket(added.created_at, $3::timestamptz[])])
),
affected AS MATERIALIZED (
    SELECT source, entity, external_id, at, 'STATE' AS reason FROM changes
    UNION ALL
    SELECT source, entity, given_back.external_id, at, 'SALE' FROM changes
    CROSS JOIN LATERAL (
        SELECT external_id FROM payments other
        WHERE other.source = changes.source AND other.entity = changes.entity
          AND other.parent_external_id = changes.external_id AND other.kind IN ('refund', 'dispute')
        OFFSET 0
    ) AS given_back
    WHERE uncaptured > 0
    UNION ALL
    SELECT source, entity, given_back.external_id, at, 'SALE' FROM changes
    CROSS JOIN LATERAL (
        SELECT other.external_id FROM payments other
        WHERE other.source = changes.source AND other.entity = changes.entity
          AND other.parent_external_id = ANY (changes.sales) AND other.kind IN ('refund', 'dispute')
          AND other.external_id <> changes.external_id
          AND (EXISTS (SELECT FROM payments sale
                       WHERE sale.source = other.source AND sale.entity = other.entity
                         AND sale.external_id = other.parent_external_id AND sale.uncaptured_minor > 0)
               OR EXISTS (SELECT FROM payment_history sale
                          WHERE sale.source = other.source AND sale.entity = other.entity
                            AND sale.external_id = other.parent_external_id AND sale.uncaptured_minor > 0))
        OFFSET 0
    ) AS given_back
    UNION ALL
    SELECT source, entity, external_id, decision.at, 'DECISION' FROM revenue_exclusions
    JOIN fetched USING (source)
    CROSS JOIN LATERAL (VALUES (decided_at), (revoked_at)) AS decision (at)
    WHERE decision.at >= $1 AND decision.at < $2
),
days AS MATERIALIZED (
    SELECT source, entity, external_id, day, max(affected.at) AS known_at,
           bool_or(reason = 'STATE') AS of_state, bool_or(reason = 'DECISION') AS of_decision,
           greatest($1, ($3::timestamptz[])[day + 1]) - interval '1 microsecond' AS before
    FROM affected
    CROSS JOIN LATERAL (
        SELECT DISTINCT width_bucket(occurred_at, $3::timestamptz[]) AS day
        FROM (
            SELECT occurred_at FROM payments known
            WHERE known.source = affected.source AND known.entity = affected.entity
              AND known.external_id = affected.external_id
            UNION ALL
            SELECT occurred_at FROM payment_history known
            WHERE known.source = affected.source AND known.entity = affected.entity
              AND known.external_id = affected.external_id
        ) AS states
        OFFSET 0
    ) AS own
    WHERE day BETWEEN 1 AND cardinality($3::timestamptz[]) - 1 AND affected.at >= ($3::timestamptz[])[day + 1]
    GROUP BY source, entity, external_id, day
),
restated AS MATERIALIZED (
    SELECT days.source, days.entity, days.external_id, days.day, days.known_at, side.currency, side.measure,
           side.before, side.after,
           CASE WHEN NOT EXISTS (SELECT FROM payments_as_of(base.at) known
                                 WHERE known.source = days.source AND known.entity = days.entity
                                   AND known.external_id = days.external_id) THEN 'LATE'
                WHEN NOT EXISTS (SELECT FROM payments_as_of($2 - interval '1 microsecond') known
                                 WHERE known.source = days.source AND known.entity = days.entity
                                   AND known.external_id = days.external_id
                                   AND known.deleted_at IS NULL) THEN 'DELETED'
                WHEN days.of_state THEN 'STATE'
                WHEN NOT days.of_decision THEN 'SALE'
                WHEN EXISTS (SELECT FROM revenue_exclusions_as_of($2 - interval '1 microsecond') excluded
                             WHERE excluded.source = days.source AND excluded.entity = days.entity
                               AND excluded.external_id = days.external_id) THEN 'EXCLUDED'
                ELSE 'COUNTED_AGAIN' END AS reason
    FROM days
    CROSS JOIN LATERAL (
        -- A payment that was fetched by then and processed later was always known, and so was what its amount hangs on.
        SELECT greatest(days.before, max(known.updated_at)) AS at
        FROM fetched
        CROSS JOIN LATERAL (
            SELECT days.external_id AS id
            UNION ALL
            SELECT parent_external_id FROM payments own
            WHERE own.source = days.source AND own.entity = days.entity AND own.external_id = days.external_id
            UNION ALL
            SELECT other.external_id FROM payments own
            JOIN payments other ON other.source = own.source AND other.entity = own.entity
                 AND other.parent_external_id = own.parent_external_id AND other.kind IN ('refund', 'dispute')
            WHERE own.source = days.source AND own.entity = days.entity AND own.external_id = days.external_id
        ) AS family
        CROSS JOIN LATERAL (
            SELECT updated_at, observed_at FROM payments state
            WHERE state.source = days.source AND state.entity = days.entity AND state.external_id = family.id
            UNION ALL
            SELECT updated_at, observed_at FROM payment_history state
            WHERE state.source = days.source AND state.entity = days.entity AND state.external_id = family.id
            OFFSET 0
        ) AS known
        WHERE fetched.source = days.source AND known.observed_at <= fetched.at
        OFFSET 0
    ) AS base
    CROSS JOIN LATERAL (
        SELECT currency, measure, sum(before)::bigint AS before, sum(after)::bigint AS after
        FROM (
            SELECT counts.currency, replace(counts.measure, 'unknown_return', 'unknown') AS measure, counts.at,
                   counts.amount AS before, 0 AS after
            FROM revenue_rows_of(days.source, days.entity, days.external_id, base.at) counts
            UNION ALL
            SELECT counts.currency, replace(counts.measure, 'unknown_return', 'unknown'), counts.at, 0, counts.amount
            FROM revenue_rows_of(days.source, days.entity, days.external_id, $2 - interval '1 microsecond') counts
        ) AS sides
        WHERE width_bucket(sides.at, $3::timestamptz[]) = days.day AND ($5::text IS NULL OR currency = $5)
        GROUP BY currency, measure
        HAVING sum(before) <> sum(after)
    ) AS side
)
SELECT (SELECT coalesce(jsonb_agg(to_jsonb(sums) ORDER BY day, currency, measure), '[]')
        FROM (SELECT day, currency, measure, sum(after::numeric - before)::text AS difference, count(*) AS payments
              FROM restated GROUP BY day, currency, measure) AS sums) AS "days!",
       (SELECT coalesce(jsonb_agg(to_jsonb(page)
                                  ORDER BY day, known_at, source, entity, external_id, currency, measure), '[]')
        FROM (SELECT * FROM restated
              WHERE $6::integer IS NULL
                 OR (day, known_at, source, entity, external_id, currency, measure)
                    > ($6, $7::timestamptz, $8::text, $9::text, $10::text, $11::text, $12::text)
              ORDER BY day, known_at, source, entity, external_id, currency, measure
              LIMIT $13) AS page) AS "rows!"
