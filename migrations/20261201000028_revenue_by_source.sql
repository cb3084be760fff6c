-- Figures tell sources apart, and credits reduce them.

-- What a payment counts for, when and to what amount: the one definition of revenue. By `event` a refund or dispute counts
-- on its own day, by `payment` on the day of the charge it belongs to; what belongs to no charge counts the same by both.
--
-- Of a charge that was captured in part, some refunds only release what was not captured. As much is a release as moved no
-- money, as is more than the charge says was refunded, or as is more than was captured, whichever is most, and never more
-- than was not captured. It is taken from those refunds first that moved no money, then from those that don't say, and
-- among these from the earliest.
--
-- Money that moved for a dispute counts in every status: of a lost one it is the amount, of any other what is withdrawn.
--
-- A credit is money given back that belongs to no sale: it counts on its own day by both.
--
-- `OFFSET 0` keeps the planner from reading all returns to find those of a few sales: how few they are it can't know.
--
-- The text is instantiated twice: for what is known now, and for what was known at an instant.
DO $make$
DECLARE
    rows_of CONSTANT text := $rows$
        SELECT sale.source, sale.entity, sale.external_id, sale.currency, 'both' AS basis,
               CASE WHEN sale.kind = 'credit' THEN CASE sale.status WHEN 'PENDING' THEN 'pending_return'
                                                                    WHEN 'UNKNOWN' THEN 'unknown_return'
                                                                    ELSE 'refunded' END
                    WHEN sale.status = 'PENDING' THEN 'pending'
                    WHEN sale.status = 'UNKNOWN' THEN 'unknown'
                    WHEN excluded.external_id IS NOT NULL THEN 'excluded'
                    ELSE 'collected' END AS measure,
               sale.occurred_at AS at, sale.amount_minor AS amount
        FROM PAYMENTS sale
        LEFT JOIN EXCLUSIONS excluded ON excluded.source = sale.source AND excluded.entity = sale.entity
             AND excluded.external_id = sale.external_id IN_FORCE
        WHERE sale.kind NOT IN ('refund', 'dispute')
          AND (sale.status IN ('COLLECTED', 'PENDING', 'UNKNOWN') OR sale.kind = 'credit' AND sale.status = 'REFUNDED')
          AND sale.deleted_at IS NULL
        UNION ALL
        SELECT sale.source, sale.entity, sale.external_id, sale.currency, 'both', 'pending', sale.occurred_at,
               sale.capturable_minor
        FROM PAYMENTS sale
        WHERE sale.capturable_minor > 0 AND sale.kind NOT IN ('refund', 'dispute') AND sale.status = 'COLLECTED'
          AND sale.deleted_at IS NULL
        UNION ALL
        SELECT given_back.source, given_back.entity, given_back.external_id, given_back.currency, 'both',
               'refund_without_payment', given_back.occurred_at, given_back.amount_minor
        FROM PAYMENTS given_back
        WHERE given_back.without_payment AND given_back.kind = 'refund' AND given_back.status = 'REFUNDED'
          AND given_back.deleted_at IS NULL AND given_back.amount_minor > 0
        UNION ALL
        SELECT given_back.source, given_back.entity, given_back.external_id, given_back.currency, 'event',
               counts.measure, given_back.occurred_at, counts.amount
        FROM PAYMENTS given_back
        LEFT JOIN LATERAL (
            SELECT * FROM PAYMENTS charge
            WHERE charge.source = given_back.source AND charge.entity = given_back.entity
              AND charge.external_id = given_back.parent_external_id
              AND charge.kind NOT IN ('refund', 'dispute')
            OFFSET 0
        ) AS sale ON true
        RETURNED
        WHERE given_back.kind IN ('refund', 'dispute') AND given_back.deleted_at IS NULL AND counts.amount > 0
        UNION ALL
        SELECT given_back.source, given_back.entity, given_back.external_id, given_back.currency, 'payment',
               counts.measure, sale.occurred_at, counts.amount
        FROM PAYMENTS sale
        CROSS JOIN LATERAL (
            SELECT * FROM PAYMENTS back
            WHERE back.source = sale.source AND back.entity = sale.entity
              AND back.parent_external_id = sale.external_id AND back.kind IN ('refund', 'dispute')
              AND back.deleted_at IS NULL
            OFFSET 0
        ) AS given_back
        RETURNED
        WHERE sale.kind NOT IN ('refund', 'dispute') AND counts.amount > 0
    $rows$;
    returned CONSTANT text := $returned$
        CROSS JOIN LATERAL (VALUES
            ('refunded', CASE WHEN given_back.status = 'REFUNDED' AND NOT given_back.without_payment
                THEN given_back.amount_minor -
                    CASE WHEN sale.uncaptured_minor > 0 THEN (
                        SELECT greatest(0, least(given_back.amount_minor, least(sale.uncaptured_minor, greatest(
                            sum(refund.amount_minor) FILTER (WHERE NOT refund.money_moved),
                            sum(refund.amount_minor) - greatest(
                                sale.claimed_refunded_minor, sum(refund.amount_minor) FILTER (WHERE refund.money_moved), 0),
                            sum(refund.amount_minor)
                                - CASE WHEN sale.status = 'COLLECTED' THEN sale.amount_minor ELSE 0 END
                        )) - coalesce(sum(refund.amount_minor) FILTER (WHERE
                            (coalesce(refund.money_moved::integer * 2, 1), refund.occurred_at, refund.external_id)
                            < (coalesce(given_back.money_moved::integer * 2, 1), given_back.occurred_at,
                               given_back.external_id)), 0)))::bigint
                        FROM PAYMENTS refund
                        WHERE refund.source = given_back.source AND refund.entity = given_back.entity
                          AND refund.parent_external_id = given_back.parent_external_id
                          AND refund.kind IN ('refund', 'dispute')
                          AND refund.status = 'REFUNDED' AND refund.deleted_at IS NULL
                    ) ELSE 0 END END),
            ('disputed', CASE given_back.status WHEN 'DISPUTED' THEN given_back.amount_minor
                                                WHEN 'VOIDED' THEN given_back.withdrawn_minor END),
            ('withdrawn', CASE WHEN given_back.status = 'PENDING'
                THEN least(given_back.withdrawn_minor, given_back.amount_minor) END),
            ('pending_return', CASE WHEN given_back.status = 'PENDING' AND NOT given_back.without_payment
                THEN given_back.amount_minor - least(given_back.withdrawn_minor, given_back.amount_minor) END),
            ('unknown_return', CASE WHEN given_back.status = 'UNKNOWN' THEN given_back.amount_minor END)
        ) AS counts (measure, amount)
    $returned$;
    template CONSTANT text := replace(rows_of, 'RETURNED', returned);
BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW revenue_rows AS '
        || replace(replace(replace(template, 'PAYMENTS', 'payments'), 'EXCLUSIONS', 'revenue_exclusions'),
                   'IN_FORCE', 'AND excluded.revoked_at IS NULL');
    EXECUTE 'CREATE OR REPLACE FUNCTION revenue_rows_as_of(instant timestamptz) RETURNS SETOF revenue_rows LANGUAGE sql STABLE AS '
        || quote_literal(replace(replace(replace(template, 'PAYMENTS', 'payments_as_of($1)'), 'EXCLUSIONS',
                                         'revenue_exclusions_as_of($1)'), 'IN_FORCE', ''));
END
$make$;

-- Revenue of a range of days, by source, from buckets that are known to be true and from the payments where they may not be.
--
-- `starts` and `ends` are the beginnings and ends of the days, which follow one another; `pieces` the numbers of the pieces of
-- the answer that they belong to. Days that somebody asked for before are kept as a whole (`known`), others are added up from
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
