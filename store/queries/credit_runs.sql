-- Adds what became of rows to the runs that processed or fetched them. A run remembers the first fifty failures.
UPDATE sync_runs AS run
SET records_processed = run.records_processed + credit.processed,
    records_failed = run.records_failed + credit.failed,
    records_dead_lettered = run.records_dead_lettered + credit.dead_lettered,
    failed_records = jsonb_path_query_array(run.failed_records || credit.failed_records, '$[0 to 49]'),
    unmapped_statuses_seen = ARRAY (
        SELECT unnest(run.unmapped_statuses_seen) UNION SELECT jsonb_array_elements_text(credit.unmapped) ORDER BY 1
    )
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::jsonb[], $6::jsonb[])
    AS credit (run_id, processed, failed, dead_lettered, failed_records, unmapped)
WHERE run.run_id = credit.run_id
