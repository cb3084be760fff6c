-- States that one payment had: what a figure as of an instant is made of is looked up payment by payment.
CREATE INDEX payment_history_by_payment ON payment_history (source, entity, external_id, superseded_at);
