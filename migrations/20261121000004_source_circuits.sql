-- What processes last saw of the circuit breakers of sources.
CREATE TABLE source_circuits (
    source            text        PRIMARY KEY,
    state             text        NOT NULL CHECK (state IN ('closed', 'open', 'half-open')),
    failures_in_a_row integer     NOT NULL,
    retry_at          timestamptz,
    noted_at          timestamptz NOT NULL
);
