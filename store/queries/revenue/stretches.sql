-- Where payments are: stretches of at most 366 days, each from the first quarter of an hour that holds a payment, or may, to
-- the last of its stretch. A step is a look into an index, so a few dates far from all others cost next to nothing.
WITH RECURSIVE changed AS MATERIALIZED (SELECT DISTINCT quarter FROM revenue_changed),
stretch AS (
    SELECT least((SELECT min(quarter) FROM revenue_buckets), (SELECT min(quarter) FROM changed)) AS starts_at
    UNION ALL
    SELECT least((SELECT min(quarter) FROM revenue_buckets WHERE quarter >= stretch.starts_at + interval '366 days'),
                 (SELECT min(quarter) FROM changed WHERE quarter >= stretch.starts_at + interval '366 days'))
    FROM stretch WHERE stretch.starts_at IS NOT NULL
)
SELECT starts_at AS "first!",
       greatest((SELECT max(quarter) FROM revenue_buckets
                 WHERE quarter >= starts_at AND quarter < starts_at + interval '366 days'),
                (SELECT max(quarter) FROM changed
                 WHERE quarter >= starts_at AND quarter < starts_at + interval '366 days')) AS "last!"
FROM stretch WHERE starts_at IS NOT NULL ORDER BY starts_at
