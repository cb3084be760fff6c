-- What vendors post to us: events that were taken, and hints that something is to be fetched.

-- The same event may be posted twice, to two replicas at once. Its id is written by the statement that takes it, so the
-- second finds it. `buffalo maintain` forgets what is older than any vendor repeats.
CREATE TABLE webhook_events (
    source      text        NOT NULL,
    event_id    text        NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source, event_id)
);
-- Rows come in the order of time: a range index is enough to find the old ones, and costs an insert nothing.
CREATE INDEX webhook_events_received ON webhook_events USING brin (received_at);

-- A post that says what has changed and not how it is now. The row stays for ever; it counts hints instead of being
-- deleted, so that whoever answers one can't wipe out another that came meanwhile.
CREATE TABLE fetch_hints (
    source          text        NOT NULL,
    entity          text        NOT NULL,
    raised          bigint      NOT NULL DEFAULT 1,
    begun           bigint      NOT NULL DEFAULT 0,
    lag_s           bigint      NOT NULL,
    hinted_at       timestamptz NOT NULL,
    due_at          timestamptz,
    begun_at        timestamptz,
    postponed_until timestamptz,
    PRIMARY KEY (source, entity)
);
COMMENT ON COLUMN fetch_hints.begun IS 'the hint up to which a fetch has begun';
COMMENT ON COLUMN fetch_hints.lag_s IS 'how long the source may go on without showing what it hinted at; 0 when it was fetched once more after that';
COMMENT ON COLUMN fetch_hints.due_at IS 'when to fetch; null when every hint was answered';
COMMENT ON COLUMN fetch_hints.begun_at IS 'when the newest fetch with a hint to answer began';
COMMENT ON COLUMN fetch_hints.postponed_until IS 'until then no hint is followed, because a fetch has failed';
