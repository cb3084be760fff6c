-- What one euro was in other currencies, day by day, as the European Central Bank publishes it after 16:00 on working days.
-- Figures in a reporting currency are computed from these; amounts themselves stay in the currency they were paid in.
CREATE TABLE fx_rates (
    base        text          NOT NULL,
    quote       text          NOT NULL CHECK (quote <> base),
    rate_date   date          NOT NULL,
    -- Eight digits before the point and six behind it are what the program computes with exactly.
    rate        numeric(14,6) NOT NULL CHECK (rate > 0 AND rate <> 'NaN'),
    imported_at timestamptz   NOT NULL,
    PRIMARY KEY (base, quote, rate_date)
);
COMMENT ON COLUMN fx_rates.base IS 'EUR in all rows of today';
COMMENT ON COLUMN fx_rates.rate IS 'one unit of base is so many units of quote, both in major units';
COMMENT ON COLUMN fx_rates.imported_at IS 'when this rate came into the table; an import that repeats it does not change it';
