-- Rows of normalised records as they are stored, column by column in the order of the table, as text; whichever table
-- they are in. Made of the row itself, so that a column that is added later is not forgotten here.
SELECT record.place AS "place!", stored.revision AS "revision!",
       fields.names AS "names!", fields.contents AS "contents!: Vec<Option<String>>"
FROM unnest($1::text[], $2::text[], $3::text[])
    WITH ORDINALITY AS record (source, entity, external_id, place)
CROSS JOIN LATERAL (
    SELECT p.revision, to_json(p) AS document FROM payments p
    WHERE p.source = record.source AND p.entity = record.entity AND p.external_id = record.external_id
    UNION ALL
    SELECT c.revision, to_json(c) FROM contacts c
    WHERE c.source = record.source AND c.entity = record.entity AND c.external_id = record.external_id
    UNION ALL
    SELECT e.revision, to_json(e) FROM events e
    WHERE e.source = record.source AND e.entity = record.entity AND e.external_id = record.external_id
) AS stored
CROSS JOIN LATERAL (
    SELECT array_agg(name ORDER BY nth) AS names, array_agg(content ORDER BY nth) AS contents
    FROM json_each_text(stored.document) WITH ORDINALITY AS field (name, content, nth)
) AS fields
