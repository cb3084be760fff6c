-- Writes normalised payments; the caller gives at most one state of each record, sorted by key, so that two workers take
-- row locks in the same order. A newer state is never replaced by an older one, whatever is processed first; the same state
-- is written again only where $20 says that what is stored of it is wrong.
INSERT INTO payments AS known
    (source, entity, external_id, kind, status, raw_status, amount_minor, uncaptured_minor, currency, occurred_at,
     parent_external_id, customer_external_id, observed_at, revision, raw_id, deleted_at, created_at,
     updated_at, withdrawn_minor, customer_email, capturable_minor, money_moved, without_payment, claimed_refunded_minor,
     claimed_disputed)
SELECT source, entity, external_id, kind, status, raw_status, amount_minor, uncaptured_minor, currency, occurred_at,
       parent_external_id, customer_external_id, observed_at, revision, raw_id, deleted_at, $1, $1,
       withdrawn_minor, customer_email, capturable_minor, money_moved, without_payment, claimed_refunded_minor,
       claimed_disputed
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[],
            $10::timestamptz[], $11::text[], $12::text[], $13::timestamptz[], $14::bigint[], $15::bigint[],
            $16::bigint[], $17::timestamptz[], $18::bigint[], $19::text[], $21::bigint[], $22::boolean[], $23::boolean[],
            $24::bigint[], $25::boolean[])
    AS batch (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
              parent_external_id, customer_external_id, observed_at, revision, raw_id, uncaptured_minor,
              deleted_at, withdrawn_minor, customer_email, capturable_minor, money_moved, without_payment,
              claimed_refunded_minor, claimed_disputed)
ON CONFLICT (source, entity, external_id) DO UPDATE
    SET kind = excluded.kind,
        status = excluded.status,
        raw_status = excluded.raw_status,
        amount_minor = excluded.amount_minor,
        uncaptured_minor = excluded.uncaptured_minor,
        currency = excluded.currency,
        occurred_at = excluded.occurred_at,
        parent_external_id = excluded.parent_external_id,
        customer_external_id = excluded.customer_external_id,
        observed_at = excluded.observed_at,
        revision = excluded.revision,
        raw_id = excluded.raw_id,
        deleted_at = excluded.deleted_at,
        -- Clocks of two workers may differ; what was known when must not.
        updated_at = greatest(known.updated_at, excluded.updated_at),
        withdrawn_minor = excluded.withdrawn_minor,
        customer_email = excluded.customer_email,
        capturable_minor = excluded.capturable_minor,
        money_moved = excluded.money_moved,
        without_payment = excluded.without_payment,
        claimed_refunded_minor = excluded.claimed_refunded_minor,
        claimed_disputed = excluded.claimed_disputed
    WHERE known.revision < excluded.revision OR ($20 AND known.revision = excluded.revision)
