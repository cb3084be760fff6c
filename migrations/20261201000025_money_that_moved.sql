-- Counts what moved: captures before the final one, refunds that moved money, disputes whatever their status, money that
-- never was a payment, and credits.
--
-- What is stored already keeps its meaning: what these columns say of it is not known, and its figures stay as they are.
ALTER TABLE payments
    ADD COLUMN capturable_minor       bigint  NOT NULL DEFAULT 0,
    ADD COLUMN money_moved            boolean,
    ADD COLUMN without_payment        boolean NOT NULL DEFAULT false,
    ADD COLUMN claimed_refunded_minor bigint,
    ADD COLUMN claimed_disputed       boolean;
ALTER TABLE payments
    ADD CONSTRAINT payments_capturable_minor_check CHECK (capturable_minor >= 0) NOT VALID,
    ADD CONSTRAINT payments_claimed_refunded_minor_check CHECK (claimed_refunded_minor >= 0) NOT VALID;
-- A deal of less than nothing is a credit: money given back that belongs to no sale. Nothing that is stored can break this
-- check, so it need not be looked at while the table is locked.
ALTER TABLE payments DROP CONSTRAINT payments_kind_check;
ALTER TABLE payments ADD CONSTRAINT payments_kind_check
    CHECK (kind IN ('charge', 'refund', 'dispute', 'deal', 'credit', 'unknown')) NOT VALID;
COMMENT ON COLUMN payments.capturable_minor IS 'of a collected charge: what of the uncaptured amount may still be captured, in the minor unit';
COMMENT ON COLUMN payments.withdrawn_minor IS 'of a dispute that was not lost: what was withdrawn from the account and not reinstated, in the minor unit';
COMMENT ON COLUMN payments.money_moved IS 'of a refund: whether it moved money; null where the source does not say';
COMMENT ON COLUMN payments.without_payment IS 'of a refund: whether it returns money that never was a payment';
COMMENT ON COLUMN payments.claimed_refunded_minor IS 'of a charge: what it says was refunded of it, in the minor unit; null where that is nothing';
COMMENT ON COLUMN payments.claimed_disputed IS 'of a charge: true where it says that it was disputed';

-- History has the columns of payments, in another order by now: they are named from here on.
ALTER TABLE payment_history
    ADD COLUMN capturable_minor       bigint  NOT NULL DEFAULT 0,
    ADD COLUMN money_moved            boolean,
    ADD COLUMN without_payment        boolean NOT NULL DEFAULT false,
    ADD COLUMN claimed_refunded_minor bigint,
    ADD COLUMN claimed_disputed       boolean;

-- Few payments have these, and they are looked for by time.
CREATE INDEX payments_capturable ON payments (occurred_at) WHERE capturable_minor > 0;
CREATE INDEX payments_without_payment ON payments (occurred_at) WHERE without_payment;

CREATE OR REPLACE FUNCTION payments_as_of(instant timestamptz) RETURNS SETOF payments LANGUAGE sql STABLE AS $$
    SELECT * FROM payments WHERE updated_at <= $1
    UNION ALL
    SELECT source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
           parent_external_id, customer_external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at,
           uncaptured_minor, withdrawn_minor, customer_email, capturable_minor, money_moved, without_payment,
           claimed_refunded_minor, claimed_disputed
    FROM payment_history WHERE updated_at <= $1 AND superseded_at > $1
$$;

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

CREATE OR REPLACE FUNCTION revenue_mark_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_history
        (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at, parent_external_id,
         customer_external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at, uncaptured_minor,
         withdrawn_minor, customer_email, capturable_minor, money_moved, without_payment, claimed_refunded_minor,
         claimed_disputed, superseded_at)
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
    INSERT INTO payment_history
        (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at, parent_external_id,
         customer_external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at, uncaptured_minor,
         withdrawn_minor, customer_email, capturable_minor, money_moved, without_payment, claimed_refunded_minor,
         claimed_disputed, superseded_at)
    SELECT replaced.*, clock_timestamp() FROM replaced;
    INSERT INTO revenue_marks (source, quarters, sale_entity, sales)
    SELECT source, array_agg(DISTINCT revenue_quarter(occurred_at)), entity,
           array_agg(DISTINCT CASE WHEN kind IN ('refund', 'dispute') THEN parent_external_id ELSE external_id END)
    FROM replaced GROUP BY source, entity;
    RETURN NULL;
END
$$;
