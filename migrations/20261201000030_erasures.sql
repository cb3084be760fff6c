-- Records that a vendor deleted for a person's privacy: everything about them is taken away, also from raw history, and what
-- stays says only that there was a record. `record_heads.content_hash` is '\x00' of one that was erased: no later state of it
-- is accepted.
CREATE TABLE erasures (
    source       text        NOT NULL,
    entity       text        NOT NULL,
    external_id  text        NOT NULL,
    requested_at timestamptz NOT NULL,
    erased_at    timestamptz,
    PRIMARY KEY (source, entity, external_id)
);
-- Every fetch looks whether there are any.
CREATE INDEX erasures_due ON erasures (source, entity) WHERE erased_at IS NULL;
COMMENT ON COLUMN erasures.erased_at IS 'null until the next fetch has done it';
