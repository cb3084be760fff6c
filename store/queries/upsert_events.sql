-- Writes normalised events, as upsert_payments.sql writes payments. A cancelled event often comes with nothing but its id:
-- what is known of it stays.
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
        starts_at = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.starts_at, known.starts_at) ELSE excluded.starts_at END,
        ends_at = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.ends_at, known.ends_at) ELSE excluded.ends_at END,
        start_date = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.start_date, known.start_date) ELSE excluded.start_date END,
        end_date = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.end_date, known.end_date) ELSE excluded.end_date END,
        time_zone = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.time_zone, known.time_zone) ELSE excluded.time_zone END,
        recurrence = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.recurrence, known.recurrence) ELSE excluded.recurrence END,
        recurring_event_external_id = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.recurring_event_external_id, known.recurring_event_external_id) ELSE excluded.recurring_event_external_id END,
        original_starts_at = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.original_starts_at, known.original_starts_at) ELSE excluded.original_starts_at END,
        original_start_date = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.original_start_date, known.original_start_date) ELSE excluded.original_start_date END,
        vendor_created_at = CASE WHEN excluded.status = 'CANCELLED' THEN coalesce(excluded.vendor_created_at, known.vendor_created_at) ELSE excluded.vendor_created_at END,
        observed_at = excluded.observed_at,
        revision = excluded.revision,
        raw_id = excluded.raw_id,
        deleted_at = excluded.deleted_at,
        updated_at = excluded.updated_at
    WHERE known.revision < excluded.revision
