-- Records that are to be read again by their ids, whatever lists and events say: a webhook named them, or what is stored
-- of them can't be the whole truth. The next fetch reads them; what was read is deleted here.
CREATE TABLE refetch_requests (
    source       text        NOT NULL,
    entity       text        NOT NULL,
    external_id  text        NOT NULL,
    part         text        NOT NULL CHECK (part IN ('record', 'returns')),
    reason       text        NOT NULL,
    requested_at timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (source, entity, external_id, part)
);
COMMENT ON COLUMN refetch_requests.part IS 'record: the record itself; returns: the refunds and disputes of a charge';
COMMENT ON COLUMN refetch_requests.due_at IS 'not before this time: the source may show the change later, or refused the last attempt';
COMMENT ON COLUMN refetch_requests.attempts IS 'how often the source refused to answer';
