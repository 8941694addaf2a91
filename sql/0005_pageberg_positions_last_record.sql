-- By what the log is known again: the record before the position, as OFFSET:HASH. Of another offset it tells nothing.
ALTER TABLE pageberg_positions ADD COLUMN IF NOT EXISTS last_record TEXT;
