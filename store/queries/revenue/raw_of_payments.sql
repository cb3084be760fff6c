-- Raw records by their ids, in the order of their keys, and when what is stored of each counts.
SELECT raw.id AS "raw_id!", raw.source AS "source!", raw.external_id AS "external_id!", raw.revision AS "revision!",
       raw.observed_at AS "observed_at!", raw.run_id AS "run_id!", raw.api_version, raw.context, raw.payload AS "payload!",
       known.occurred_at AS "occurred_at?"
FROM raw_records raw
LEFT JOIN payments known ON known.source = raw.source AND known.entity = raw.entity
     AND known.external_id = raw.external_id
WHERE raw.id = ANY ($1) AND raw.entity = 'payments'
ORDER BY raw.source, raw.external_id
