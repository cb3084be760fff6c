-- Lanes, so that nobody waits behind a backfill of millions: workers take from each source and lane in turn. A suspect was
-- claimed by a worker that died, and is worked on alone until it is known which row it was.
ALTER TABLE ingest_outbox
    ADD COLUMN lane text NOT NULL DEFAULT 'live' CHECK (lane IN ('live', 'backfill', 'suspect'));
CREATE INDEX ingest_outbox_due ON ingest_outbox (source, lane, available_at);
DROP INDEX ingest_outbox_available;

-- What workers have claimed. A row is written while a claiming transaction is under way, which deletes it when it settles
-- and holds the advisory lock `claim_id` until it ends in whatever way: a row whose lock is free is of a worker that died.
CREATE TABLE outbox_claims (
    claim_id bigint   PRIMARY KEY,
    raw_ids  bigint[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
