-- A page of payments with the raw records that they were made of, by key; no payload where history was dropped.
SELECT p.source AS "source!", p.entity AS "entity!", p.external_id AS "external_id!", p.revision AS "revision!",
       p.raw_id AS "raw_id!", p.observed_at AS "observed_at!", p.kind AS "kind!", p.status AS "status!",
       p.raw_status AS "raw_status!", p.amount_minor AS "amount_minor!", p.uncaptured_minor AS "uncaptured_minor!",
       p.withdrawn_minor AS "withdrawn_minor!", p.currency AS "currency!", p.occurred_at AS "occurred_at!",
       p.parent_external_id, p.customer_external_id, p.customer_email, p.deleted_at IS NOT NULL AS "deleted!",
       p.capturable_minor AS "capturable_minor!", p.money_moved, p.without_payment AS "without_payment!",
       p.claimed_refunded_minor, p.claimed_disputed,
       r.run_id AS "run_id?", r.api_version AS "api_version?", r.context AS "context?", r.payload AS "payload?"
FROM (SELECT * FROM payments WHERE (source, entity, external_id) > ($1, $2, $3)
      ORDER BY source, entity, external_id LIMIT $4) AS p
LEFT JOIN raw_records r ON r.id = p.raw_id AND r.source = p.source AND r.entity = p.entity
     AND r.external_id = p.external_id
ORDER BY p.source, p.entity, p.external_id
