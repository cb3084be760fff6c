-- The partitions of raw_records but the default one, oldest first, as the catalog knows them.
--
-- `bounds` holds each bound as PostgreSQL prints it: a quoted time in the session's own format, which it therefore reads
--          back exactly, or MINVALUE or MAXVALUE without quotes.
WITH bounds AS (
    SELECT c.oid, c.relname, c.reltuples,
           regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \((.+)\) TO \((.+)\)') AS bound
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'raw_records'::regclass
)
SELECT relname::text AS "name!",
       CASE WHEN bound[1] LIKE '''%' THEN trim(bound[1], '''')::timestamptz END AS begins_at,
       CASE WHEN bound[2] LIKE '''%' THEN trim(bound[2], '''')::timestamptz ELSE '9999-12-31Z' END AS "ends_at!",
       CASE WHEN reltuples >= 0 THEN reltuples::bigint END AS estimated_rows,
       coalesce(pg_total_relation_size(oid), 0) AS "bytes!"
FROM bounds
WHERE bound IS NOT NULL
ORDER BY 2 NULLS FIRST
