-- A mark stands for a statement, a kept day is one row, and returns look their sales up one by one.
--
-- Marks keep what they say: what was not settled before is settled after.
DROP VIEW revenue_changed;
DROP VIEW revenue_unsettled;
ALTER TABLE revenue_marks ADD COLUMN quarters timestamptz[], ADD COLUMN sales text[];
UPDATE revenue_marks SET quarters = CASE WHEN quarter IS NOT NULL THEN ARRAY[quarter] END,
                         sales = CASE WHEN sale_external_id IS NOT NULL THEN ARRAY[sale_external_id] END;
ALTER TABLE revenue_marks DROP COLUMN quarter, DROP COLUMN sale_external_id;
COMMENT ON TABLE revenue_marks IS 'quarters of an hour whose payments changed, and sales whose returns count otherwise now, a row for a statement';

-- Sums of buckets over days that somebody asked for: the rows of 96 buckets become one. A day whose buckets change is
-- forgotten.
DROP TABLE revenue_days;
CREATE TABLE revenue_days (
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    figures   json        NOT NULL,
    PRIMARY KEY (starts_at, ends_at)
);
COMMENT ON COLUMN revenue_days.figures IS 'arrays of source, currency, basis, measure, amount (as a text) and payments';

-- What a payment counts for, when and to what amount: the one definition of revenue. By `event` a refund or dispute counts
-- on its own day, by `payment` on the day of the charge it belongs to; sales count the same by both. Of refunds with one
-- charge the earliest are taken to release what was not captured.
--
-- `OFFSET 0` keeps the planner from reading all returns to find those of a few sales: how few they are it can't know.
--
-- The text is instantiated twice: for what is known now, and for what was known at an instant.
DO $make$
DECLARE
    rows_of CONSTANT text := $rows$
        SELECT sale.source, sale.entity, sale.external_id, sale.currency, 'both' AS basis,
               CASE WHEN sale.status = 'PENDING' THEN 'pending'
                    WHEN sale.status = 'UNKNOWN' THEN 'unknown'
                    WHEN excluded.external_id IS NOT NULL THEN 'excluded'
                    ELSE 'collected' END AS measure,
               sale.occurred_at AS at, sale.amount_minor AS amount
        FROM PAYMENTS sale
        LEFT JOIN EXCLUSIONS excluded ON excluded.source = sale.source AND excluded.entity = sale.entity
             AND excluded.external_id = sale.external_id IN_FORCE
        WHERE sale.kind NOT IN ('refund', 'dispute') AND sale.status IN ('COLLECTED', 'PENDING', 'UNKNOWN')
          AND sale.deleted_at IS NULL
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
    -- Giving up an authorisation is called a refund as well, though no money had come. An open dispute counts for what
    -- was withdrawn; the rest of it may still go.
    returned CONSTANT text := $returned$
        CROSS JOIN LATERAL (VALUES
            ('refunded', CASE WHEN given_back.status = 'REFUNDED' THEN given_back.amount_minor -
                CASE WHEN sale.uncaptured_minor > 0 THEN
                    greatest(0, least(given_back.amount_minor, sale.uncaptured_minor - (
                        SELECT coalesce(sum(earlier.amount_minor), 0) FROM PAYMENTS earlier
                        WHERE earlier.source = given_back.source AND earlier.entity = given_back.entity
                          AND earlier.parent_external_id = given_back.parent_external_id
                          AND earlier.kind IN ('refund', 'dispute')
                          AND earlier.status = 'REFUNDED' AND earlier.deleted_at IS NULL
                          AND (earlier.occurred_at, earlier.external_id)
                            < (given_back.occurred_at, given_back.external_id)
                    )))::bigint
                ELSE 0 END END),
            ('disputed', CASE WHEN given_back.status = 'DISPUTED' THEN given_back.amount_minor END),
            ('withdrawn', CASE WHEN given_back.status = 'PENDING'
                THEN least(given_back.withdrawn_minor, given_back.amount_minor) END),
            ('pending_return', CASE WHEN given_back.status = 'PENDING'
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

-- Unsettled marks. A database that was restored counts transactions anew, so a bound from its former life is ignored, even
-- once their number has come to it: marks from before are not settled by that.
CREATE VIEW revenue_unsettled AS
    SELECT mark.ctid AS place, source, touched.quarter, sale_entity, touched.sale
    FROM revenue_marks mark CROSS JOIN LATERAL unnest(quarters, sales) AS touched (quarter, sale)
    WHERE xid >= (SELECT CASE WHEN settled_in = (SELECT system_identifier FROM pg_control_system())
                                   AND settled_below <= pg_snapshot_xmin(pg_current_snapshot())
                              THEN settled_below ELSE '0' END
                  FROM revenue_proof);

-- Buckets that may be out of date. A sale that is named stands for its own bucket and those of its returns, wherever they
-- are now: of what was moved, its own mark tells where it had been.
CREATE VIEW revenue_changed AS
    WITH marks AS MATERIALIZED (SELECT * FROM revenue_unsettled),
    -- A sale that is written often has many marks, each of which would be looked up.
    sales AS MATERIALIZED (SELECT DISTINCT source, sale_entity, sale FROM marks WHERE sale IS NOT NULL)
    SELECT source, quarter FROM marks WHERE quarter IS NOT NULL
    UNION
    SELECT sales.source, revenue_quarter(sale.occurred_at) FROM sales
    CROSS JOIN LATERAL (
        SELECT occurred_at FROM payments
        WHERE source = sales.source AND entity = sales.sale_entity AND external_id = sales.sale
        OFFSET 0
    ) AS sale
    UNION
    SELECT sales.source, revenue_quarter(given_back.occurred_at) FROM sales
    CROSS JOIN LATERAL (
        SELECT occurred_at FROM payments
        WHERE source = sales.source AND entity = sales.sale_entity AND parent_external_id = sales.sale
          AND kind IN ('refund', 'dispute')
        OFFSET 0
    ) AS given_back;

-- Marks of payments: where they were and are, and the sale if how its returns count may depend on them. How a return counts
-- depends on its sale's uncaptured amount and on its siblings. Sales without anything uncaptured need not be named.
CREATE FUNCTION revenue_sale_named(kind text, uncaptured bigint, own_id text, parent_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN kind IN ('refund', 'dispute') THEN parent_id WHEN uncaptured > 0 THEN own_id END $$;
CREATE OR REPLACE FUNCTION revenue_mark_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, quarters, sale_entity, sales)
    SELECT source, array_agg(DISTINCT quarter), entity, array_agg(DISTINCT sale) FILTER (WHERE sale IS NOT NULL)
    FROM (SELECT source, entity, revenue_quarter(occurred_at) AS quarter,
                 revenue_sale_named(kind, uncaptured_minor, external_id, parent_external_id) AS sale
          FROM written) AS touched
    GROUP BY source, entity;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION revenue_mark_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_history
    SELECT replaced.*, written.updated_at FROM replaced
    JOIN written USING (source, entity, external_id);
    INSERT INTO revenue_marks (source, quarters, sale_entity, sales)
    SELECT source, array_agg(DISTINCT quarter), entity, array_agg(DISTINCT sale) FILTER (WHERE sale IS NOT NULL)
    FROM (SELECT source, entity, revenue_quarter(occurred_at) AS quarter,
                 revenue_sale_named(kind, uncaptured_minor, external_id, parent_external_id) AS sale
          FROM (SELECT * FROM replaced UNION ALL SELECT * FROM written) AS states) AS touched
    GROUP BY source, entity;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION revenue_mark_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_history SELECT replaced.*, clock_timestamp() FROM replaced;
    INSERT INTO revenue_marks (source, quarters, sale_entity, sales)
    SELECT source, array_agg(DISTINCT revenue_quarter(occurred_at)), entity,
           array_agg(DISTINCT CASE WHEN kind IN ('refund', 'dispute') THEN parent_external_id ELSE external_id END)
    FROM replaced GROUP BY source, entity;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION revenue_mark_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, sale_entity, sales)
    SELECT source, entity, array_agg(external_id) FROM decided GROUP BY source, entity;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION revenue_mark_redecided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, sale_entity, sales)
    SELECT source, entity, array_agg(external_id) FROM (SELECT * FROM replaced UNION ALL SELECT * FROM decided) AS touched
    GROUP BY source, entity;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION revenue_mark_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, sale_entity, sales)
    SELECT source, entity, array_agg(external_id) FROM revenue_exclusions GROUP BY source, entity;
    RETURN NULL;
END
$$;
