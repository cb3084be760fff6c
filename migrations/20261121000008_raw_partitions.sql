-- Raw history in partitions by time, so that what is too old is dropped as a whole table: deleting row by row would leave
-- as many dead rows behind as there were live ones, and take as long.
--
-- A partition is an ISO week, from Monday 00:00 UTC. Ninety days are about 14 of them. With daily ones every claim would
-- have to plan over 90 tables and lock each of them with its index. `buffalo maintain` makes and drops them; what it has not
-- made is caught by the default partition, so that forgetting it never stops ingestion.
--
-- What is there is not copied: the old table becomes the partition of all that was fetched up to the end of the current
-- week, and leaves as one when that is past retention. It costs two readings of the old table (for its newest row, and
-- to prove that all of it belongs there) and an index of ids and times, in one transaction in which nobody reads or
-- writes raw records. An empty table is not kept.

-- A long reader of the old table would make all others wait behind this; better to fail, and to be started again.
SET LOCAL lock_timeout = '10s';
-- Producers come here first, then draw ids from the sequence, then write to the table: they wait before they hold either.
LOCK TABLE record_heads IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE raw_records IN ACCESS EXCLUSIVE MODE;

ALTER TABLE raw_records RENAME TO raw_records_before;
ALTER TABLE raw_records_before DROP CONSTRAINT raw_records_pkey;
CREATE TABLE raw_records (LIKE raw_records_before INCLUDING STORAGE INCLUDING COMPRESSION) PARTITION BY RANGE (fetched_at);
ALTER TABLE raw_records ADD PRIMARY KEY (id, fetched_at);

CREATE TABLE raw_records_default PARTITION OF raw_records DEFAULT;
-- Tells which weeks lie in it; no other partition is searched by time.
CREATE INDEX raw_records_default_fetched_at ON raw_records_default (fetched_at);

DO $$
DECLARE
    ids         record;
    newest      timestamptz;
    week_ends   timestamptz;
    before_then text;
BEGIN
    -- An identity's sequence can't be given to another table: the new one goes on where the old one was.
    SELECT last_value, is_called INTO ids FROM raw_records_id_seq;
    ALTER TABLE raw_records_before ALTER COLUMN id DROP IDENTITY;
    ALTER TABLE raw_records ALTER COLUMN id
        ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME raw_records_id_seq);
    PERFORM setval('raw_records_id_seq', ids.last_value, ids.is_called);

    SELECT max(fetched_at) INTO newest FROM raw_records_before;
    IF newest IS NULL THEN
        DROP TABLE raw_records_before;
        RETURN;
    END IF;
    -- A clock that was ahead may have left rows of a later week.
    week_ends := (date_trunc('week', greatest(now(), newest) AT TIME ZONE 'UTC') + interval '1 week') AT TIME ZONE 'UTC';
    before_then := 'raw_records_before_' || to_char(week_ends AT TIME ZONE 'UTC', 'YYYYMMDD');
    EXECUTE format('ALTER TABLE raw_records_before RENAME TO %I', before_then);
    EXECUTE format('ALTER TABLE raw_records ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', before_then, week_ends);
END
$$;
