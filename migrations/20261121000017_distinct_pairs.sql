-- Decisions about payments that look like one sale. That one of them is not counted is in `revenue_exclusions`; here is that
-- they are two sales, so that nobody is asked again.
CREATE TABLE revenue_distinct_pairs (
    id                uuid        PRIMARY KEY,
    source            text        NOT NULL,
    entity            text        NOT NULL,
    external_id       text        NOT NULL,
    other_source      text        NOT NULL,
    other_entity      text        NOT NULL,
    other_external_id text        NOT NULL,
    reason            text        NOT NULL,
    decided_by        text        NOT NULL,
    decided_at        timestamptz NOT NULL,
    revoked_by        text,
    revoked_at        timestamptz,
    -- A pair has one order, so that it is not decided twice.
    CHECK ((source COLLATE "C", entity COLLATE "C", external_id COLLATE "C")
         < (other_source COLLATE "C", other_entity COLLATE "C", other_external_id COLLATE "C"))
);
CREATE UNIQUE INDEX revenue_distinct_pairs_in_force
    ON revenue_distinct_pairs (source, entity, external_id, other_source, other_entity, other_external_id)
    WHERE revoked_at IS NULL;
COMMENT ON TABLE revenue_distinct_pairs IS 'payments of the same amount that somebody called two sales';

-- A payment that stands for another one must not be left out itself.
CREATE INDEX revenue_exclusions_counted ON revenue_exclusions (counted_source, counted_entity, counted_external_id)
    WHERE revoked_at IS NULL;
