-- A dead letter may outlive its raw record. With these it holds everything that is needed to write that again.
ALTER TABLE dead_letters ADD COLUMN api_version text, ADD COLUMN run_id uuid;
COMMENT ON COLUMN dead_letters.run_id IS 'the run that fetched it; null where an older program buried it';

UPDATE dead_letters d SET api_version = r.api_version, run_id = r.run_id
FROM raw_records r
WHERE r.id = d.raw_id AND r.fetched_at = d.enqueued_at;
