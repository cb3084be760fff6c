-- Rates of some currencies over a range of days, and of each the newest from before it, however old: a refusal names it.
-- Joined in one go, the table would be read from its first day on.
SELECT quote AS "quote!", rate_date AS "rate_date!", rate::text AS "rate!"
FROM fx_rates
WHERE base = $1 AND quote = ANY ($2::text[]) AND rate_date BETWEEN $3 AND $4
UNION ALL
SELECT wanted.quote, before.rate_date, before.rate::text
FROM unnest($2::text[]) AS wanted (quote)
CROSS JOIN LATERAL (
    SELECT rate_date, rate FROM fx_rates
    WHERE base = $1 AND quote = wanted.quote AND rate_date < $3
    ORDER BY rate_date DESC LIMIT 1
) AS before
