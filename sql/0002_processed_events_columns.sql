-- What pageberg knows beyond the lab's six columns; null in rows that others wrote. Without defaults, so that no
-- existing row is rewritten. `properties` is json, not jsonb: it takes every JSON text.
ALTER TABLE processed_events
    ADD COLUMN IF NOT EXISTS event_id UUID,
    ADD COLUMN IF NOT EXISTS received_at TIMESTAMPTZ(3),
    ADD COLUMN IF NOT EXISTS user_agent VARCHAR,
    ADD COLUMN IF NOT EXISTS latitude DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS longitude DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS timezone VARCHAR,
    ADD COLUMN IF NOT EXISTS asn BIGINT,
    ADD COLUMN IF NOT EXISTS as_org VARCHAR,
    ADD COLUMN IF NOT EXISTS geo_database VARCHAR,
    ADD COLUMN IF NOT EXISTS late BOOLEAN,
    ADD COLUMN IF NOT EXISTS properties JSON;
