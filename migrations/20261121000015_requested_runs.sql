-- Runs that a caller of HTTP asked for are written before they begin, so that the answer names runs that exist.
ALTER TABLE sync_runs ADD COLUMN requested_by text;
ALTER TABLE sync_runs ADD COLUMN waiting boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sync_runs.requested_by IS 'the role and label of the key that asked for the run over HTTP; null for all others';
COMMENT ON COLUMN sync_runs.waiting IS 'written, and not yet begun: who takes the producer''s lock does not declare it abandoned';

-- Requests that change something, by the key that callers chose, so that a repeated one gets the answer of the first.
CREATE TABLE idempotency_keys (
    caller       text        NOT NULL,
    key          text        NOT NULL,
    reservation  uuid        NOT NULL,
    fingerprint  bytea       NOT NULL,
    reserved_at  timestamptz NOT NULL,
    leased_until timestamptz NOT NULL,
    status       smallint,
    body         text,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (reserved_at);
CREATE INDEX idempotency_keys_reservation ON idempotency_keys (reservation);
COMMENT ON COLUMN idempotency_keys.leased_until IS 'a reservation without an answer is free after this: its process is gone';
COMMENT ON COLUMN idempotency_keys.status IS 'the HTTP status of the stored answer; null while the work goes on';
