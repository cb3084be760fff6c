-- The days of UTC on which payments counted that were known at $1. What was known then has no index, so all of it is read,
-- as it is for the figures themselves.
SELECT date_trunc('day', at, 'UTC') AS "first!", date_trunc('day', at, 'UTC') + interval '24 hours' AS "last!"
FROM revenue_rows_as_of($1) GROUP BY 1, 2 ORDER BY 1
