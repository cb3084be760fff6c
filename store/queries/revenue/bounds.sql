-- The first and the last quarter of an hour that holds a payment, or may.
SELECT min(quarter) AS earliest, max(quarter) AS latest
FROM (SELECT min(quarter) AS quarter FROM revenue_buckets
      UNION ALL SELECT max(quarter) FROM revenue_buckets
      UNION ALL SELECT quarter FROM revenue_changed) AS quarters
