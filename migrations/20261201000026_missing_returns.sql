-- Sales that say that money went back, of which no refund or dispute is stored. What contradicts is decided by the view,
-- whenever it is asked; the table only says where to look.
CREATE TABLE missing_returns (
    source      text        NOT NULL,
    entity      text        NOT NULL,
    external_id text        NOT NULL,
    noted_at    timestamptz NOT NULL,
    ask_at      timestamptz NOT NULL,
    asks        integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (source, entity, external_id)
);
COMMENT ON TABLE missing_returns IS 'sales that may contradict their stored refunds and disputes';
COMMENT ON COLUMN missing_returns.ask_at IS 'when the source is asked for the returns of the sale, or asked again';
COMMENT ON COLUMN missing_returns.asks IS 'how often it was asked since the sale changed';

-- A refund that fell through since the sale spoke explains its word as well as one that went through.
CREATE VIEW contradicted_sales AS
    SELECT sale.source, sale.entity, sale.external_id, sale.occurred_at, sale.observed_at
    FROM payments sale
    WHERE (sale.claimed_refunded_minor > 0 OR sale.claimed_disputed)
      AND sale.kind NOT IN ('refund', 'dispute') AND sale.status = 'COLLECTED' AND sale.deleted_at IS NULL
      AND (sale.claimed_refunded_minor > (
               SELECT coalesce(sum(refund.amount_minor), 0) FROM payments refund
               WHERE refund.source = sale.source AND refund.entity = sale.entity
                 AND refund.parent_external_id = sale.external_id AND refund.kind = 'refund'
                 AND refund.deleted_at IS NULL
                 AND (refund.status NOT IN ('FAILED', 'VOIDED') OR refund.observed_at >= sale.observed_at))
           OR sale.claimed_disputed AND NOT EXISTS (
               SELECT FROM payments dispute
               WHERE dispute.source = sale.source AND dispute.entity = sale.entity
                 AND dispute.parent_external_id = sale.external_id AND dispute.kind = 'dispute'
                 AND dispute.deleted_at IS NULL));

-- `verify` looks at all sales that say something of the kind.
CREATE INDEX payments_claiming ON payments (source, entity, external_id)
    WHERE claimed_refunded_minor > 0 OR claimed_disputed;

-- How many sales contradict their returns, by source. What is missing counts on the day of the sale (by `payment`), or on one
-- from then on up to when the sale spoke of it. In most databases none does, which costs one look.
--
-- It is a function so that its plan is made once for a session, also behind a pooler.
CREATE FUNCTION missing_returns_of(starts_at timestamptz, ends_at timestamptz, of_basis text, of_sources text[])
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM missing_returns) THEN
        RETURN '{}';
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(missing.source, missing.sales), '{}')
        FROM (
            SELECT noted.source, count(*) AS sales FROM missing_returns noted
            CROSS JOIN LATERAL (
                SELECT occurred_at, observed_at FROM contradicted_sales contradicted
                WHERE contradicted.source = noted.source AND contradicted.entity = noted.entity
                  AND contradicted.external_id = noted.external_id
                OFFSET 0
            ) AS sale
            WHERE sale.occurred_at < ends_at
              AND CASE of_basis WHEN 'event' THEN sale.observed_at ELSE sale.occurred_at END >= starts_at
              AND (of_sources IS NULL OR noted.source = ANY (of_sources))
            GROUP BY noted.source
        ) AS missing
    );
END
$$;
