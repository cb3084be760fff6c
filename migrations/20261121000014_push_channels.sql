-- Subscriptions that were opened at vendors and expire there, so that they can be renewed and closed.
CREATE TABLE push_channels (
    source     text        NOT NULL,
    id         text        NOT NULL,
    subject    text        NOT NULL,
    resource   text        NOT NULL,
    address    text        NOT NULL,
    terms      text        NOT NULL,
    opened_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (source, id)
);
COMMENT ON COLUMN push_channels.subject IS 'what it tells of, such as a calendar';
COMMENT ON COLUMN push_channels.resource IS 'the vendor''s id of that, without which it can''t be closed';
COMMENT ON COLUMN push_channels.terms IS 'a digest of the address and the secret that it was opened with';
