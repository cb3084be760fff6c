-- Rates of some currencies over a range of days, with those that still hold on its first one: the days before it for which a
-- rate may be used, and the newest that there is, however old, as a refusal names it.
SELECT known.quote, known.rate_date, known.rate::text AS "rate!"
FROM unnest($2::text[]) AS wanted (quote)
CROSS JOIN LATERAL (
    SELECT max(rate_date) AS newest FROM fx_rates
    WHERE base = $1 AND quote = wanted.quote AND rate_date <= $4
) AS before
JOIN fx_rates known ON known.base = $1 AND known.quote = wanted.quote
     AND known.rate_date BETWEEN least($3, before.newest) AND $5
