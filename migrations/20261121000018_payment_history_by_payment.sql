-- The former states of a payment, for who explains a figure of the past. A hash costs who writes half of what a tree of the
-- whole key does, and no two keys share an id but by chance.
CREATE INDEX payment_history_by_payment ON payment_history USING hash (external_id);
