-- What the event's own text tells of the visit; null in rows that came before. `event_name` is 'pageview' for a page view.
ALTER TABLE processed_events
    ADD COLUMN IF NOT EXISTS event_name VARCHAR,
    ADD COLUMN IF NOT EXISTS site VARCHAR,
    ADD COLUMN IF NOT EXISTS browser VARCHAR,
    ADD COLUMN IF NOT EXISTS browser_version VARCHAR,
    ADD COLUMN IF NOT EXISTS os VARCHAR,
    ADD COLUMN IF NOT EXISTS os_version VARCHAR,
    ADD COLUMN IF NOT EXISTS device VARCHAR,
    ADD COLUMN IF NOT EXISTS is_bot BOOLEAN,
    ADD COLUMN IF NOT EXISTS referrer_host VARCHAR,
    ADD COLUMN IF NOT EXISTS channel VARCHAR,
    ADD COLUMN IF NOT EXISTS utm_source VARCHAR,
    ADD COLUMN IF NOT EXISTS utm_medium VARCHAR,
    ADD COLUMN IF NOT EXISTS utm_campaign VARCHAR,
    ADD COLUMN IF NOT EXISTS utm_term VARCHAR,
    ADD COLUMN IF NOT EXISTS utm_content VARCHAR,
    ADD COLUMN IF NOT EXISTS click_id VARCHAR;
