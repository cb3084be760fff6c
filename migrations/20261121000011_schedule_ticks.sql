-- Every tick of the schedule that was fired: whoever inserts the row is the one replica that does the work.
CREATE TABLE schedule_ticks (
    job         text        NOT NULL,
    due_at      timestamptz NOT NULL,
    fired_at    timestamptz NOT NULL,
    finished_at timestamptz,
    outcome     text,
    PRIMARY KEY (job, due_at)
);
COMMENT ON COLUMN schedule_ticks.outcome IS 'how it ended: done, partly failed, failed; nothing while it runs';
