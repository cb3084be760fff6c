-- Writes normalised events, as upsert_payments.sql writes payments. A cancelled event often comes with nothing but its id:
-- what is known of it stays. Columns that belong together stay or go together: when it is (of days or of moments, in which
-- zone, how it repeats), and which occurrence of a series it is; one of the older state beside one of the newer would be
-- a state that the event was never in.
INSERT INTO events AS known
    (source, entity, external_id, observed_at, revision, raw_id, calendar_external_id, status, raw_status, title,
     description, location, organizer_email, starts_at, ends_at, start_date, end_date, time_zone, recurrence,
     recurring_event_external_id, original_starts_at, original_start_date, vendor_created_at, deleted_at, created_at,
     updated_at)
SELECT source, entity, external_id, observed_at, revision, raw_id, calendar_external_id, status, raw_status, title,
       description, location, organizer_email, starts_at, ends_at, start_date, end_date, time_zone, recurrence,
       recurring_event_external_id, original_starts_at, original_start_date, vendor_created_at, deleted_at, $1, $1
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[],
            $17::date[], $18::date[], $19::text[], $20::text[], $21::text[], $22::timestamptz[], $23::date[],
            $24::timestamptz[], $25::timestamptz[])
    AS batch (source, entity, external_id, observed_at, revision, raw_id, calendar_external_id, status, raw_status,
              title, description, location, organizer_email, starts_at, ends_at, start_date, end_date, time_zone,
              recurrence, recurring_event_external_id, original_starts_at, original_start_date, vendor_created_at,
              deleted_at)
ON CONFLICT (source, entity, external_id) DO UPDATE
    SET calendar_external_id = excluded.calendar_external_id,
        status = excluded.status,
        raw_status = excluded.raw_status,
        title = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.title, known.title) ELSE excluded.title END,
        description = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.description, known.description) ELSE excluded.description END,
        location = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.location, known.location) ELSE excluded.location END,
        organizer_email = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.organizer_email, known.organizer_email) ELSE excluded.organizer_email END,
        starts_at = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.starts_at, excluded.ends_at, excluded.start_date, excluded.end_date) > 0 THEN excluded.starts_at ELSE known.starts_at END,
        ends_at = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.starts_at, excluded.ends_at, excluded.start_date, excluded.end_date) > 0 THEN excluded.ends_at ELSE known.ends_at END,
        start_date = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.starts_at, excluded.ends_at, excluded.start_date, excluded.end_date) > 0 THEN excluded.start_date ELSE known.start_date END,
        end_date = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.starts_at, excluded.ends_at, excluded.start_date, excluded.end_date) > 0 THEN excluded.end_date ELSE known.end_date END,
        time_zone = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.starts_at, excluded.ends_at, excluded.start_date, excluded.end_date) > 0 THEN excluded.time_zone ELSE known.time_zone END,
        recurrence = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.starts_at, excluded.ends_at, excluded.start_date, excluded.end_date) > 0 THEN excluded.recurrence ELSE known.recurrence END,
        recurring_event_external_id = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.recurring_event_external_id, known.recurring_event_external_id) ELSE excluded.recurring_event_external_id END,
        original_starts_at = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.original_starts_at, excluded.original_start_date) > 0 THEN excluded.original_starts_at ELSE known.original_starts_at END,
        original_start_date = CASE WHEN excluded.status <> 'CANCELLED' OR num_nonnulls(excluded.original_starts_at, excluded.original_start_date) > 0 THEN excluded.original_start_date ELSE known.original_start_date END,
        vendor_created_at = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.vendor_created_at, known.vendor_created_at) ELSE excluded.vendor_created_at END,
        observed_at = excluded.observed_at,
        revision = excluded.revision,
        raw_id = excluded.raw_id,
        deleted_at = excluded.deleted_at,
        updated_at = excluded.updated_at
    WHERE known.revision < excluded.revision
