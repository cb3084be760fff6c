-- When the earliest payment happened that may have been restated from $1 on. Payments are found at an end of an index.
SELECT least((SELECT min(occurred_at) FROM payments WHERE kind NOT IN ('refund', 'dispute')),
             (SELECT min(occurred_at) FROM payments WHERE kind IN ('refund', 'dispute')),
             (SELECT min(occurred_at) FROM payment_history WHERE superseded_at >= $1)) AS earliest
