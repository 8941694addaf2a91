"""One file for each piece of work."""

from benchmarks import freshness, http, kafka_to_iceberg, kafka_to_postgres, three_sinks


def all_of(scale, peers):
    """All benchmarks in the order of their runs; `peers`: with those alternatives that have to be fetched."""
    return [
        kafka_to_iceberg.benchmark(peers),
        kafka_to_postgres.benchmark(peers),
        three_sinks.benchmark(),
        http.one_event(64, peers),
        http.one_event(256, peers),
        http.many_events(32, peers),
        freshness.benchmark(scale),
    ]
