-- The newest run of each source and entity is asked for by every readiness probe, and runs are kept for ever.
CREATE INDEX sync_runs_newest ON sync_runs (source, entity, run_id DESC);
