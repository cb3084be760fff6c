-- Whose data a cursor stands for. A key of another account or mode goes on from the cursor as if nothing had happened, and
-- what it fetches is mixed with what is there; so the facts that are known are kept beside the cursor and compared before
-- anything is written. Null where nothing was learned so far: databases from before learn it with their next run. The
-- program before does not know the column, and leaves it as it is.
ALTER TABLE sync_cursors ADD COLUMN identity jsonb;
COMMENT ON COLUMN sync_cursors.identity IS 'whose data this is: facts such as mode and account, by name; null when nothing was learned so far';
