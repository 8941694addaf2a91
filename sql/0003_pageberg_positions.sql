-- How far each consumer has come in each partition of a topic: moved in the transaction that writes the rows.
CREATE TABLE IF NOT EXISTS pageberg_positions (
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, topic, partition)
);
