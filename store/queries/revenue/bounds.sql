-- The first and the last quarter of an hour that holds a payment, or may; with $1 also those that held one once.
SELECT min(quarter) AS earliest, max(quarter) AS latest
FROM (SELECT min(quarter) AS quarter FROM revenue_buckets
      UNION ALL SELECT max(quarter) FROM revenue_buckets
      UNION ALL SELECT quarter FROM revenue_changed
      UNION ALL SELECT revenue_quarter(min(occurred_at)) FROM payment_history WHERE $1
      UNION ALL SELECT revenue_quarter(max(occurred_at)) FROM payment_history WHERE $1) AS quarters
