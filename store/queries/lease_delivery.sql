-- Leases the oldest delivery that is due through the channel $1. Two senders never get the same one: the row is locked
-- while it is being chosen, others skip it, and once this statement is committed it is due only when the lease is over, at
-- $4. `due` is chosen first, as an UPDATE has no LIMIT.
WITH due AS (
    SELECT d.notification_id
    FROM notification_deliveries d
    WHERE d.channel = $1 AND d.delivered_at IS NULL AND d.given_up_at IS NULL AND d.attempts < $2
      AND d.available_at <= $3
    ORDER BY d.available_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE notification_deliveries leased
SET attempts = leased.attempts + 1, available_at = $4
FROM due
JOIN notifications n ON n.id = due.notification_id
WHERE leased.notification_id = due.notification_id AND leased.channel = $1
RETURNING n.id, n.kind, n.source, n.entity, n.run_id, n.day, n.subject, n.body_text, n.body_html, n.created_at,
          leased.attempts, leased.available_at AS leased_until
