-- Proof that nothing is missing: what a source was found to hold, against what is stored.
ALTER TABLE sync_runs DROP CONSTRAINT sync_runs_mode_check;
ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_mode_check
    CHECK (mode IN ('incremental', 'full', 'process', 'reconcile'));

CREATE TABLE reconciliations (
    run_id       uuid        PRIMARY KEY,
    source       text        NOT NULL,
    entity       text        NOT NULL,
    since        timestamptz,
    through      timestamptz,
    compared_at  timestamptz NOT NULL,
    listed       bigint      NOT NULL,
    missing      bigint      NOT NULL,
    different    bigint      NOT NULL,
    extra        bigint      NOT NULL,
    repaired     bigint      NOT NULL,
    totals       jsonb       NOT NULL,
    samples      jsonb       NOT NULL
);
CREATE INDEX reconciliations_newest ON reconciliations (source, entity, compared_at DESC);
