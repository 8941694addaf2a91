"""One file for each piece of work."""

from benchmarks import freshness, http, kafka_to_iceberg, kafka_to_postgres, three_sinks


def all_of(scale, peers):
    """All benchmarks in the order of their runs; `peers`: with those alternatives that have to be fetched."""
    return [
        kafka_to_iceberg.benchmark(scale, peers),
        kafka_to_postgres.benchmark(scale, peers),
        three_sinks.benchmark(scale),
        http.one_event(scale, peers),
        http.many_events(scale, peers),
        freshness.benchmark(scale),
    ]
