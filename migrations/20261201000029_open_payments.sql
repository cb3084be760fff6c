-- What may still change of its own accord: open disputes, pending charges and refunds. A source that is followed by looking a
-- number of days back does not see what becomes of older ones, so they are read again by their ids. Only such payments are in
-- the index: it costs the others nothing.
CREATE INDEX payments_open ON payments (source, entity, occurred_at) WHERE status = 'PENDING' AND deleted_at IS NULL;
