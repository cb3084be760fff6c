-- A source that lags shows everything only some time after a fetch has answered its hint. That moment has a column of its
-- own: in due_at it was wiped out by any other fetch that came in between and went well. The program before does not know
-- the column, and leaves it as it is.
ALTER TABLE fetch_hints ADD COLUMN shown_at timestamptz;
COMMENT ON COLUMN fetch_hints.shown_at IS 'when the source has shown all that it hinted at, at the latest; a fetch that begins earlier leaves another one due then';
COMMENT ON COLUMN fetch_hints.lag_s IS 'how long after its answer the newest hint may still not be shown; 0 when that has gone into shown_at';
