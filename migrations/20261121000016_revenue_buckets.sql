-- Revenue in quarters of an hour, which begin and end with the days of every time zone, and the proof that they are true.
--
-- What a payment counts for is said once, in the view `revenue_rows`; every figure is a sum over it. `revenue_buckets` has
-- such sums. They are never added to: whoever writes payments leaves marks of what he touched, by triggers and so in his
-- own transaction, and marks are rows that are only inserted, so nobody waits for anybody. Who reads takes the buckets that
-- have no marks, and computes the others from the payments, in one statement and so in one snapshot. Who settles writes
-- buckets and deletes the marks that he saw, one at a time (`store/src/revenue/settle.rs`).

-- Of a dispute that is not decided, the vendor may hold the money already. An e-mail finds a deal's charge.
ALTER TABLE payments
    ADD COLUMN withdrawn_minor bigint NOT NULL DEFAULT 0 CHECK (withdrawn_minor >= 0),
    ADD COLUMN customer_email  text;
-- Answers are written with these codes and times. What is stored already was written by this program, and is such.
ALTER TABLE payments
    ADD CONSTRAINT payments_currency_check CHECK (currency ~ '^[A-Z]{3}$') NOT VALID,
    ADD CONSTRAINT payments_occurred_at_check
        CHECK (occurred_at > '-infinity' AND occurred_at < '262000-01-01 00:00:00+00') NOT VALID;
COMMENT ON COLUMN payments.withdrawn_minor IS 'of an open dispute: what was withdrawn from the account, in the minor unit';

-- A state that was replaced, and when. As of an instant a payment was what it is now, if it was so then, or one of these.
CREATE TABLE payment_history (LIKE payments INCLUDING DEFAULTS INCLUDING COMMENTS);
ALTER TABLE payment_history ADD COLUMN superseded_at timestamptz NOT NULL;
CREATE INDEX payment_history_superseded ON payment_history (superseded_at);
COMMENT ON TABLE payment_history IS 'states of payments from updated_at up to, and without, superseded_at';

-- A payment that stands for the same sale as another one, and is therefore not counted.
CREATE TABLE revenue_exclusions (
    id                  uuid        PRIMARY KEY,
    source              text        NOT NULL,
    entity              text        NOT NULL,
    external_id         text        NOT NULL,
    counted_source      text        NOT NULL,
    counted_entity      text        NOT NULL,
    counted_external_id text        NOT NULL,
    reason              text        NOT NULL,
    decided_by          text        NOT NULL,
    decided_at          timestamptz NOT NULL,
    revoked_by          text,
    revoked_at          timestamptz
);
CREATE UNIQUE INDEX revenue_exclusions_in_force ON revenue_exclusions (source, entity, external_id)
    WHERE revoked_at IS NULL;

CREATE TABLE revenue_marks (
    xid              xid8        NOT NULL DEFAULT pg_current_xact_id(),
    source           text        NOT NULL,
    quarter          timestamptz,
    sale_entity      text,
    sale_external_id text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX revenue_marks_xid ON revenue_marks (xid);
COMMENT ON TABLE revenue_marks IS 'quarters of an hour whose payments changed, and sales whose returns count otherwise now';

CREATE TABLE revenue_buckets (
    quarter  timestamptz NOT NULL,
    source   text        NOT NULL,
    currency text        NOT NULL,
    basis    text        NOT NULL CHECK (basis IN ('both', 'event', 'payment')),
    measure  text        NOT NULL,
    amount   numeric     NOT NULL,
    payments bigint      NOT NULL,
    PRIMARY KEY (quarter, source, currency, basis, measure)
);

-- Sums of buckets over days that somebody asked for: 96 rows become one. A day whose buckets change is forgotten. A row
-- without a source tells that the day is known, though nothing may have happened in it.
CREATE TABLE revenue_days (
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    source    text        NOT NULL,
    currency  text        NOT NULL,
    basis     text        NOT NULL,
    measure   text        NOT NULL,
    amount    numeric     NOT NULL,
    payments  bigint      NOT NULL,
    PRIMARY KEY (starts_at, ends_at, source, currency, basis, measure)
);

-- What the newest verification found that was not mended. No figure is served over it.
CREATE TABLE revenue_drift (
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    source    text        NOT NULL,
    currency  text        NOT NULL,
    basis     text        NOT NULL,
    measure   text        NOT NULL,
    stored    numeric     NOT NULL,
    expected  numeric     NOT NULL,
    PRIMARY KEY (starts_at, ends_at, source, currency, basis, measure)
);
COMMENT ON COLUMN revenue_drift.stored IS 'what would be served, in the minor unit';
COMMENT ON COLUMN revenue_drift.expected IS 'what the rows, or the raw records behind them, add up to';

-- One row. Every mark of a transaction before `settled_below` is settled: a look begins there, and does not walk over what
-- was deleted while somebody keeps an old snapshot. That holds on the server `settled_in`: on another one, to which the
-- database was restored, transactions are counted anew.
CREATE TABLE revenue_proof (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    settled_below xid8    NOT NULL DEFAULT '0',
    settled_in    bigint  NOT NULL DEFAULT 0,
    verified_at   timestamptz,
    drift_total   bigint  NOT NULL DEFAULT 0
);
INSERT INTO revenue_proof DEFAULT VALUES;

-- A quarter of an hour by its beginning.
CREATE FUNCTION revenue_quarter(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT date_bin('15 minutes', at, '2000-01-01 00:00:00+00') $$;

-- Indexes of sales and of returns hold what revenue is made of, so that sums are read from them alone. A return needs its
-- sale, and a sale with something uncaptured its refunds.
DROP INDEX payments_revenue;
CREATE INDEX payments_sales ON payments (occurred_at)
    INCLUDE (source, entity, external_id, currency, kind, status, amount_minor, deleted_at)
    WHERE kind NOT IN ('refund', 'dispute');
CREATE INDEX payments_returns ON payments (occurred_at) WHERE kind IN ('refund', 'dispute');
DROP INDEX payments_refunds_by_charge;
CREATE INDEX payments_returns_by_sale ON payments (source, entity, parent_external_id)
    WHERE kind IN ('refund', 'dispute');

-- Payments as they were known at an instant.
CREATE FUNCTION payments_as_of(instant timestamptz) RETURNS SETOF payments LANGUAGE sql STABLE AS $$
    SELECT * FROM payments WHERE updated_at <= $1
    UNION ALL
    SELECT source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
           parent_external_id, customer_external_id, observed_at, revision, raw_id, deleted_at, created_at, updated_at,
           uncaptured_minor, withdrawn_minor, customer_email
    FROM payment_history WHERE updated_at <= $1 AND superseded_at > $1
$$;

CREATE FUNCTION revenue_exclusions_as_of(instant timestamptz) RETURNS SETOF revenue_exclusions LANGUAGE sql STABLE
AS $$
    -- Clocks of two deciders may differ, so that two decisions seem to have been in force.
    SELECT DISTINCT ON (source, entity, external_id) * FROM revenue_exclusions
    WHERE decided_at <= $1 AND (revoked_at IS NULL OR revoked_at > $1)
$$;

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
        LEFT JOIN PAYMENTS sale ON sale.source = given_back.source AND sale.entity = given_back.entity
             AND sale.external_id = given_back.parent_external_id AND sale.kind NOT IN ('refund', 'dispute')
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
    EXECUTE 'CREATE VIEW revenue_rows AS '
        || replace(replace(replace(template, 'PAYMENTS', 'payments'), 'EXCLUSIONS', 'revenue_exclusions'),
                   'IN_FORCE', 'AND excluded.revoked_at IS NULL');
    EXECUTE 'CREATE FUNCTION revenue_rows_as_of(instant timestamptz) RETURNS SETOF revenue_rows LANGUAGE sql STABLE AS '
        || quote_literal(replace(replace(replace(template, 'PAYMENTS', 'payments_as_of($1)'), 'EXCLUSIONS',
                                         'revenue_exclusions_as_of($1)'), 'IN_FORCE', ''));
END
$make$;

-- Unsettled marks. A database that was restored counts transactions anew, so a bound from its former life is ignored, even
-- once their number has come to it: marks from before are not settled by that.
CREATE VIEW revenue_unsettled AS
    SELECT ctid AS place, source, quarter, sale_entity, sale_external_id FROM revenue_marks
    WHERE xid >= (SELECT CASE WHEN settled_in = (SELECT system_identifier FROM pg_control_system())
                                   AND settled_below <= pg_snapshot_xmin(pg_current_snapshot())
                              THEN settled_below ELSE '0' END
                  FROM revenue_proof);

-- Buckets that may be out of date. A mark that names a sale stands for its own bucket and those of its returns, wherever
-- they are now: of what was moved, its own mark tells where it had been.
CREATE VIEW revenue_changed AS
    WITH marks AS MATERIALIZED (SELECT * FROM revenue_unsettled),
    -- A sale that is written often has many marks, each of which would be looked up.
    sales AS MATERIALIZED (SELECT DISTINCT source, sale_entity, sale_external_id FROM marks
                           WHERE sale_external_id IS NOT NULL)
    SELECT source, quarter FROM marks WHERE quarter IS NOT NULL
    UNION
    SELECT sale.source, revenue_quarter(sale.occurred_at) FROM sales
    JOIN payments sale ON sale.source = sales.source AND sale.entity = sales.sale_entity
         AND sale.external_id = sales.sale_external_id
    UNION
    SELECT given_back.source, revenue_quarter(given_back.occurred_at) FROM sales
    JOIN payments given_back ON given_back.source = sales.source AND given_back.entity = sales.sale_entity
         AND given_back.parent_external_id = sales.sale_external_id AND given_back.kind IN ('refund', 'dispute');

-- Marks of payments: where they were and are, and the sale if how its returns count may depend on them. How a return counts
-- depends on its sale's uncaptured amount and on its siblings. Sales without anything uncaptured need not be named, which
-- leaves a mark for each quarter of an hour instead of one for each payment.
CREATE FUNCTION revenue_mark_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, quarter, sale_entity, sale_external_id)
    SELECT DISTINCT source, revenue_quarter(occurred_at),
           CASE WHEN kind IN ('refund', 'dispute') OR uncaptured_minor > 0 THEN entity END,
           CASE WHEN kind IN ('refund', 'dispute') THEN parent_external_id
                WHEN uncaptured_minor > 0 THEN external_id END
    FROM written;
    RETURN NULL;
END
$$;
CREATE FUNCTION revenue_mark_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_history
    SELECT replaced.*, written.updated_at FROM replaced
    JOIN written USING (source, entity, external_id);
    INSERT INTO revenue_marks (source, quarter, sale_entity, sale_external_id)
    SELECT DISTINCT source, revenue_quarter(occurred_at),
           CASE WHEN kind IN ('refund', 'dispute') OR uncaptured_minor > 0 THEN entity END,
           CASE WHEN kind IN ('refund', 'dispute') THEN parent_external_id
                WHEN uncaptured_minor > 0 THEN external_id END
    FROM (SELECT * FROM replaced UNION ALL SELECT * FROM written) AS touched;
    RETURN NULL;
END
$$;
CREATE FUNCTION revenue_mark_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_history SELECT replaced.*, clock_timestamp() FROM replaced;
    INSERT INTO revenue_marks (source, quarter, sale_entity, sale_external_id)
    SELECT DISTINCT source, revenue_quarter(occurred_at), entity,
           CASE WHEN kind IN ('refund', 'dispute') THEN parent_external_id ELSE external_id END
    FROM replaced;
    RETURN NULL;
END
$$;
CREATE FUNCTION revenue_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE payment_history, revenue_buckets, revenue_days, revenue_marks, revenue_drift;
    RETURN NULL;
END
$$;
CREATE FUNCTION revenue_mark_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, sale_entity, sale_external_id)
    SELECT source, entity, external_id FROM decided;
    RETURN NULL;
END
$$;
CREATE FUNCTION revenue_mark_redecided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, sale_entity, sale_external_id)
    SELECT source, entity, external_id FROM replaced UNION SELECT source, entity, external_id FROM decided;
    RETURN NULL;
END
$$;
CREATE FUNCTION revenue_mark_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_marks (source, sale_entity, sale_external_id)
    SELECT source, entity, external_id FROM revenue_exclusions;
    RETURN NULL;
END
$$;
CREATE TRIGGER revenue_inserted AFTER INSERT ON payments
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_inserted();
CREATE TRIGGER revenue_replaced AFTER UPDATE ON payments
    REFERENCING OLD TABLE AS replaced NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_replaced();
CREATE TRIGGER revenue_deleted AFTER DELETE ON payments
    REFERENCING OLD TABLE AS replaced FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_deleted();
CREATE TRIGGER revenue_truncated AFTER TRUNCATE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION revenue_forget();
CREATE TRIGGER revenue_excluded AFTER INSERT ON revenue_exclusions
    REFERENCING NEW TABLE AS decided FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_decided();
CREATE TRIGGER revenue_included AFTER UPDATE ON revenue_exclusions
    REFERENCING OLD TABLE AS replaced NEW TABLE AS decided
    FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_redecided();
CREATE TRIGGER revenue_decision_deleted AFTER DELETE ON revenue_exclusions
    REFERENCING OLD TABLE AS decided FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_decided();
CREATE TRIGGER revenue_decisions_truncated BEFORE TRUNCATE ON revenue_exclusions
    FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_forgotten();

-- What is there already was never summed.
INSERT INTO revenue_marks (source, quarter)
SELECT DISTINCT source, revenue_quarter(occurred_at) FROM payments;

-- How far figures reach, by source. What is enqueued and not yet processed is not in them, so they reach only as far as the
-- oldest of it.
CREATE VIEW revenue_freshness AS
    SELECT cursors.source,
           CASE WHEN cursors.data_through IS NOT NULL THEN least(cursors.data_through, waiting.oldest) END AS through,
           waiting.oldest IS NOT NULL AS rows_wait,
           EXISTS (SELECT FROM dead_letters dead
                   WHERE dead.source = cursors.source AND dead.entity = cursors.entity) AS rows_are_dead,
           EXISTS (SELECT FROM run_alarms alarm
                   WHERE alarm.work = 'fetch' AND alarm.source = cursors.source AND alarm.entity = cursors.entity
                     AND alarm.failing_since IS NOT NULL) AS fails
    FROM sync_cursors cursors
    CROSS JOIN LATERAL (SELECT min(observed_at) AS oldest FROM ingest_outbox
                        WHERE source = cursors.source AND entity = cursors.entity) AS waiting
    WHERE cursors.entity = 'payments';
