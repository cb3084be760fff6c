-- What a payload alone does not say, such as the meaning of a deal's stage.
ALTER TABLE raw_records ADD COLUMN context text;
ALTER TABLE dead_letters ADD COLUMN context text;

-- A deal is a payment of its own kind; of a record that was gone before it was ever seen nothing is known.
ALTER TABLE payments DROP CONSTRAINT payments_kind_check;
ALTER TABLE payments ADD CONSTRAINT payments_kind_check
    CHECK (kind IN ('charge', 'refund', 'dispute', 'deal', 'unknown'));

CREATE TABLE contacts (
    source          text        NOT NULL,
    entity          text        NOT NULL,
    external_id     text        NOT NULL,
    email           text,
    first_name      text,
    last_name       text,
    phone           text,
    company         text,
    lifecycle_stage text,
    observed_at     timestamptz NOT NULL,
    revision        bigint      NOT NULL,
    raw_id          bigint      NOT NULL,
    deleted_at      timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (source, entity, external_id)
);
CREATE INDEX contacts_email ON contacts (email) WHERE email IS NOT NULL AND deleted_at IS NULL;

-- An event lasts from `starts_at` to `ends_at`, or whole days from `start_date` up to, and without, `end_date`. A series is
-- its master, with the rules in `recurrence`, and an event for each exception.
CREATE TABLE events (
    source                      text        NOT NULL,
    entity                      text        NOT NULL,
    external_id                 text        NOT NULL,
    calendar_external_id        text,
    status                      text        NOT NULL
        CHECK (status IN ('CONFIRMED', 'TENTATIVE', 'CANCELLED', 'UNKNOWN')),
    raw_status                  text        NOT NULL,
    title                       text,
    description                 text,
    location                    text,
    organizer_email             text,
    starts_at                   timestamptz,
    ends_at                     timestamptz,
    start_date                  date,
    end_date                    date,
    time_zone                   text,
    recurrence                  text,
    recurring_event_external_id text,
    original_starts_at          timestamptz,
    original_start_date         date,
    vendor_created_at           timestamptz,
    observed_at                 timestamptz NOT NULL,
    revision                    bigint      NOT NULL,
    raw_id                      bigint      NOT NULL,
    deleted_at                  timestamptz,
    created_at                  timestamptz NOT NULL,
    updated_at                  timestamptz NOT NULL,
    PRIMARY KEY (source, entity, external_id)
);
CREATE INDEX events_timed ON events (starts_at) WHERE deleted_at IS NULL AND starts_at IS NOT NULL;
CREATE INDEX events_all_day ON events (start_date) WHERE deleted_at IS NULL AND start_date IS NOT NULL;
CREATE INDEX events_unmapped ON events (source, raw_status) WHERE status = 'UNKNOWN';
CREATE INDEX events_of_series ON events (source, entity, recurring_event_external_id)
    WHERE recurring_event_external_id IS NOT NULL;
