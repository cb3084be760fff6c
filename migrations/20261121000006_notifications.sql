-- What people are told: of runs that failed, of runs that went well again, of yesterday.

-- How each line of runs stands: the same work on the same entity. Its row is locked by whoever ends a run of the line, so
-- that two that end at once are heard one after the other.
CREATE TABLE run_alarms (
    work          text        NOT NULL CHECK (work IN ('fetch', 'process', 'reconcile')),
    source        text        NOT NULL,
    entity        text        NOT NULL,
    failing_since timestamptz,
    told_at       timestamptz,
    stale_cursor  boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (work, source, entity)
);
COMMENT ON COLUMN run_alarms.failing_since IS 'null while all is well';
COMMENT ON COLUMN run_alarms.told_at IS 'when the failure was told last';
COMMENT ON COLUMN run_alarms.stale_cursor IS 'a backfill is under way because the cursor could not be continued';

-- A row for each event, with the words that are sent: a message that is sent again is the same to the letter.
CREATE TABLE notifications (
    id          uuid        PRIMARY KEY,
    event_key   text        NOT NULL UNIQUE,
    kind        text        NOT NULL CHECK (kind IN ('failure', 'recovery', 'success', 'daily')),
    source      text,
    entity      text,
    run_id      uuid,
    day         date,
    subject     text        NOT NULL,
    body_text   text        NOT NULL,
    body_html   text,
    created_at  timestamptz NOT NULL,
    notified_at timestamptz
);
COMMENT ON COLUMN notifications.event_key IS 'names the event, so that it is told once whoever notices it';
COMMENT ON COLUMN notifications.day IS 'of a daily summary: the day that it is about';
COMMENT ON COLUMN notifications.notified_at IS 'when the last of its channels had accepted it';
CREATE INDEX notifications_newest ON notifications (created_at);
CREATE INDEX notifications_daily ON notifications (day) WHERE kind = 'daily';

CREATE TABLE notification_deliveries (
    notification_id uuid        NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    channel         text        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    available_at    timestamptz NOT NULL,
    last_error      text,
    delivered_at    timestamptz,
    given_up_at     timestamptz,
    PRIMARY KEY (notification_id, channel)
);
COMMENT ON COLUMN notification_deliveries.available_at IS 'while it is being sent: when another may take it over';
CREATE INDEX notification_deliveries_due ON notification_deliveries (channel, available_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
