-- What restated a day: which payments count otherwise now than they were known to when it had ended.

-- What one payment counted for on its own day, as it was known at an instant. The text is that of `revenue_rows_as_of`; a
-- statement of its own is planned for one key, where one over many payments would read all of them for each.
CREATE FUNCTION revenue_rows_of(of_source text, of_entity text, of_external_id text, instant timestamptz)
RETURNS SETOF revenue_rows LANGUAGE plpgsql STABLE ROWS 2 SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT * FROM revenue_rows_as_of(instant) counts
    WHERE counts.source = of_source AND counts.entity = of_entity AND counts.external_id = of_external_id
      AND counts.basis IN ('both', 'event');
END
$$;

-- Late arrivals are few, and lie where payments were added last.
CREATE INDEX payments_created ON payments USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
-- When a source was first fetched to its end: what it had said by then restates nothing.
CREATE INDEX sync_runs_payments_fetched ON sync_runs (source, finished_at)
    WHERE entity = 'payments' AND mode IN ('incremental', 'full') AND status = 'success';
