-- Takes in rates of one base, and counts what became of them. The caller gives each currency and day at most once, in the
-- order of the key, so that two imports at once take row locks in the same order. A rate that is known already keeps its
-- row, and with it the time at which it came. A row that was inserted just now was never locked or replaced, hence `xmax`.
WITH given AS (
    SELECT quote, rate_date, rate::numeric AS rate
    FROM unnest($2::text[], $3::date[], $4::text[]) AS sheet (quote, rate_date, rate)
),
written AS (
    INSERT INTO fx_rates AS known (base, quote, rate_date, rate, imported_at)
    SELECT $1, quote, rate_date, rate, $5 FROM given ORDER BY quote, rate_date
    ON CONFLICT (base, quote, rate_date) DO UPDATE
        SET rate = excluded.rate, imported_at = excluded.imported_at
        WHERE known.rate <> excluded.rate
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) AS "inserted!", count(*) FILTER (WHERE NOT is_new) AS "changed!" FROM written
