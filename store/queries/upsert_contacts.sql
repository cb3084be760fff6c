-- Writes normalised contacts, as upsert_payments.sql writes payments.
INSERT INTO contacts AS known
    (source, entity, external_id, observed_at, revision, raw_id, email, first_name, last_name, phone, company,
     lifecycle_stage, deleted_at, created_at, updated_at)
SELECT source, entity, external_id, observed_at, revision, raw_id, email, first_name, last_name, phone, company,
       lifecycle_stage, deleted_at, $1, $1
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[])
    AS batch (source, entity, external_id, observed_at, revision, raw_id, email, first_name, last_name, phone, company,
              lifecycle_stage, deleted_at)
ON CONFLICT (source, entity, external_id) DO UPDATE
    SET email = excluded.email,
        first_name = excluded.first_name,
        last_name = excluded.last_name,
        phone = excluded.phone,
        company = excluded.company,
        lifecycle_stage = excluded.lifecycle_stage,
        observed_at = excluded.observed_at,
        revision = excluded.revision,
        raw_id = excluded.raw_id,
        deleted_at = excluded.deleted_at,
        updated_at = excluded.updated_at
    WHERE known.revision < excluded.revision
