-- Takes hints that are due by putting their time off: of several who look at once, one gets each. Whoever dies with one
-- leaves it to others when that time has come. Somebody who is fetching holds the producer's lock (store/src/lock.rs), or,
-- where sessions are shared ($7 is not null), has said since then that the run is alive; trying to take the lock would only
-- leave a run behind that was skipped.
UPDATE fetch_hints hint
SET due_at = $4
FROM unnest($1::text[], $2::text[]) AS ours (source, entity)
WHERE hint.source = ours.source AND hint.entity = ours.entity
  AND hint.due_at <= $3
  AND (hint.postponed_until IS NULL OR hint.postponed_until <= $3)
  AND (hint.begun_at IS NULL OR hint.begun_at <= $5)
  AND NOT EXISTS (
      SELECT FROM pg_locks held
      WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 2
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.classid::bigint = $6
        AND held.objid::bigint = hashtext(hint.source || ' ' || hint.entity)::bigint & 4294967295
  )
  AND ($7::timestamptz IS NULL OR NOT EXISTS (
      SELECT FROM sync_runs run
      WHERE run.source = hint.source AND run.entity = hint.entity AND run.status = 'running'
        AND run.mode <> 'process' AND NOT run.waiting AND run.heartbeat_at >= $7
  ))
RETURNING hint.source, hint.entity
