-- The spine: cursors, runs, raw records, the outbox, dead letters, payments.
--
-- Every table that belongs to a record has the record key (source, entity, external_id). Identity columns only name
-- rows; no rule depends on their order.

-- How far each producer has come. `version` rises with every write, and a write names the version it read: whoever has
-- lost the advisory lock unknowingly is refused here.
CREATE TABLE sync_cursors (
    source                text        NOT NULL,
    entity                text        NOT NULL,
    version               bigint      NOT NULL DEFAULT 0,
    state                 jsonb,
    data_through          timestamptz,
    last_full_backfill_at timestamptz,
    written_by            uuid,
    updated_at            timestamptz NOT NULL,
    PRIMARY KEY (source, entity)
);
COMMENT ON COLUMN sync_cursors.state IS 'the connector''s position; opaque to everybody else';
COMMENT ON COLUMN sync_cursors.data_through IS 'everything the source said up to this time has been enqueued';
COMMENT ON COLUMN sync_cursors.last_full_backfill_at IS 'when the newest backfill began';

CREATE TABLE sync_runs (
    run_id                  uuid        PRIMARY KEY,
    source                  text        NOT NULL,
    entity                  text        NOT NULL,
    mode                    text        NOT NULL CHECK (mode IN ('incremental', 'full', 'process')),
    status                  text        NOT NULL
        CHECK (status IN ('running', 'success', 'partial', 'failed', 'skipped', 'abandoned')),
    started_at              timestamptz NOT NULL,
    heartbeat_at            timestamptz NOT NULL,
    finished_at             timestamptz,
    cursor_before           jsonb,
    cursor_after            jsonb,
    stale_cursor_detected   boolean     NOT NULL DEFAULT false,
    full_backfill_triggered boolean     NOT NULL DEFAULT false,
    full_backfill_reason    text,
    pages_fetched           bigint      NOT NULL DEFAULT 0,
    requests_made           bigint      NOT NULL DEFAULT 0,
    records_fetched         bigint      NOT NULL DEFAULT 0,
    records_enqueued        bigint      NOT NULL DEFAULT 0,
    records_deduped         bigint      NOT NULL DEFAULT 0,
    records_processed       bigint      NOT NULL DEFAULT 0,
    records_failed          bigint      NOT NULL DEFAULT 0,
    records_dead_lettered   bigint      NOT NULL DEFAULT 0,
    failed_records          jsonb       NOT NULL DEFAULT '[]',
    unmapped_statuses_seen  text[]      NOT NULL DEFAULT '{}',
    data_through            timestamptz,
    error                   text
);
CREATE INDEX sync_runs_running ON sync_runs (source, entity) WHERE status = 'running';

-- The newest known state of every record: what decides whether something that arrives is news.
CREATE TABLE record_heads (
    source       text        NOT NULL,
    entity       text        NOT NULL,
    external_id  text        NOT NULL,
    revision     bigint      NOT NULL,
    observed_at  timestamptz NOT NULL,
    content_hash bytea       NOT NULL,
    PRIMARY KEY (source, entity, external_id)
) WITH (fillfactor = 90);
COMMENT ON COLUMN record_heads.revision IS 'counts the changes of this record, oldest first; orders its outbox rows';

-- Every state of every record, verbatim, once. Rows are added and never changed.
CREATE TABLE raw_records (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text        NOT NULL,
    entity       text        NOT NULL,
    external_id  text        NOT NULL,
    revision     bigint      NOT NULL,
    observed_at  timestamptz NOT NULL,
    fetched_at   timestamptz NOT NULL,
    run_id       uuid        NOT NULL,
    api_version  text,
    payload      text        NOT NULL
);
-- lz4 stores twice as fast as the default; a server built without it keeps the default.
DO $$
BEGIN
    ALTER TABLE raw_records ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this server has no lz4: payloads are compressed with pglz';
END
$$;

-- What is to be processed: a narrow row for each state, deleted once it is settled.
CREATE TABLE ingest_outbox (
    raw_id        bigint      PRIMARY KEY,
    source        text        NOT NULL,
    entity        text        NOT NULL,
    external_id   text        NOT NULL,
    revision      bigint      NOT NULL,
    observed_at   timestamptz NOT NULL,
    payload_bytes integer     NOT NULL,
    attempts      integer     NOT NULL DEFAULT 0,
    available_at  timestamptz NOT NULL,
    enqueued_at   timestamptz NOT NULL,
    last_error    text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX ingest_outbox_available ON ingest_outbox (available_at);

CREATE TABLE dead_letters (
    id          uuid        PRIMARY KEY,
    source      text        NOT NULL,
    entity      text        NOT NULL,
    external_id text        NOT NULL,
    revision    bigint      NOT NULL,
    raw_id      bigint      NOT NULL,
    observed_at timestamptz NOT NULL,
    attempts    integer     NOT NULL,
    stage       text        NOT NULL,
    reason      text        NOT NULL,
    payload     text        NOT NULL,
    enqueued_at timestamptz NOT NULL,
    dead_at     timestamptz NOT NULL
);
CREATE INDEX dead_letters_newest ON dead_letters (dead_at DESC, id DESC);
COMMENT ON COLUMN dead_letters.payload IS 'a copy: a dead letter must outlive the retention of raw records';

-- Charges, refunds and disputes are rows of their own, with positive amounts.
CREATE TABLE payments (
    source               text        NOT NULL,
    entity               text        NOT NULL,
    external_id          text        NOT NULL,
    kind                 text        NOT NULL CHECK (kind IN ('charge', 'refund', 'dispute')),
    status               text        NOT NULL
        CHECK (status IN ('COLLECTED', 'PENDING', 'VOIDED', 'FAILED', 'REFUNDED', 'DISPUTED', 'UNKNOWN')),
    raw_status           text        NOT NULL,
    amount_minor         bigint      NOT NULL CHECK (amount_minor >= 0),
    currency             text        NOT NULL,
    occurred_at          timestamptz NOT NULL,
    parent_external_id   text,
    customer_external_id text,
    observed_at          timestamptz NOT NULL,
    revision             bigint      NOT NULL,
    raw_id               bigint      NOT NULL,
    deleted_at           timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    PRIMARY KEY (source, entity, external_id)
);
COMMENT ON COLUMN payments.amount_minor IS 'in the minor unit of the currency: cents, yen, fils';
COMMENT ON COLUMN payments.raw_id IS 'the raw_records row this row was made of';
-- Holds exactly what revenue is made of, so that the figures are read from the index alone.
CREATE INDEX payments_revenue ON payments (occurred_at) INCLUDE (currency, source, status, amount_minor)
    WHERE status IN ('COLLECTED', 'REFUNDED', 'DISPUTED') AND deleted_at IS NULL;
CREATE INDEX payments_unmapped ON payments (source, raw_status) WHERE status = 'UNKNOWN';
