-- Giving up what was authorised and not captured is a refund in the vendor's books, though no money had come. Revenue
-- must leave that much of a charge's refunds out.
ALTER TABLE payments
    ADD COLUMN uncaptured_minor bigint NOT NULL DEFAULT 0 CHECK (uncaptured_minor >= 0);
COMMENT ON COLUMN payments.uncaptured_minor IS 'of a charge: what was authorised and not captured, in the minor unit';

CREATE INDEX payments_uncaptured ON payments (source, entity, external_id) WHERE uncaptured_minor > 0;
CREATE INDEX payments_refunds_by_charge ON payments (source, entity, parent_external_id)
    WHERE status = 'REFUNDED' AND deleted_at IS NULL;
