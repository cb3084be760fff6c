-- The first and the last quarter of an hour that holds a payment, or may, or should.
SELECT min(quarter) AS earliest, max(quarter) AS latest
FROM (SELECT min(quarter) AS quarter FROM revenue_buckets
      UNION ALL SELECT max(quarter) FROM revenue_buckets
      UNION ALL SELECT quarter FROM revenue_changed
      UNION ALL SELECT starts_at FROM revenue_drift) AS quarters
