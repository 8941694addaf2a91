"""Kafka → geo → Postgres, Kafka and Iceberg at once: a backlog, done when the slowest sink has it."""

from benchmarks.kafka_to_postgres import empty, fill
from harness.backlog import work_off
from harness.figures import PAGEBERG, Benchmark, Check, Contestant
from harness.pageberg import downstream_topic, pipeline
from harness.processes import Failed

SINKS = ["postgres", "kafka", "iceberg"]


def deliver(bench, work, topic, events):
    """Figures of one run of all three sinks over a topic."""
    url = bench.postgres.create_database()
    servers = {"kafka": bench.kafka, "postgres": bench.postgres}
    try:
        with pipeline(bench, work, topic, SINKS, url) as process:
            found = work_off(process, lambda: process.delivered(SINKS), events, servers)
            process.expect_iceberg_rows(events)
            bench.postgres.expect_rows(url, events)
        sent = bench.tools.consume(bench.kafka, downstream_topic(work)).found["events"]
        if sent != events:
            raise Failed(f"lost or repeated records: the downstream topic holds {sent} of {events}")
    finally:
        bench.postgres.drop_database(url)
        bench.kafka.delete_topics(downstream_topic(work))
    return found


def over(events, **shape):
    """One run over a backlog of its own."""

    def run(bench, work):
        with bench.backlog(events, **shape) as topic:
            return deliver(bench, work, topic, events)

    return run


def pageberg(bench, work):
    return deliver(bench, work, bench.topic, bench.scale.postgres_events)


def benchmark(scale):
    return Benchmark(
        "three_sinks",
        "Kafka → geo → Postgres + Kafka + Iceberg",
        [Contestant("pageberg", PAGEBERG, pageberg, 10 + scale.postgres_events / 120_000)],
        [Check("pageberg", "rows_per_second", at_least=180_000)],
        fill,
        empty,
    )
