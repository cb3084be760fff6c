-- Running totals of what runs do. Runs are rows that may be deleted some day, and counting them takes longer with every
-- year; monitoring wants numbers that only rise and cost nothing to read. So whoever writes down what a run did adds it
-- here in the same transaction.
CREATE TABLE run_totals (
    counter text   NOT NULL,
    source  text   NOT NULL,
    entity  text   NOT NULL,
    mode    text   NOT NULL,
    outcome text   NOT NULL,
    total   bigint NOT NULL,
    PRIMARY KEY (counter, source, entity, mode, outcome)
) WITH (fillfactor = 50);
COMMENT ON COLUMN run_totals.mode IS 'empty where it does not matter';
COMMENT ON COLUMN run_totals.outcome IS 'of a duration: the upper bound of a bucket in microseconds, `inf`, or `sum_us`';
