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


def pageberg(bench, work):
    found = deliver(bench, work, bench.topic, bench.scale.postgres_events)
    bench.found["three_sinks"] = max(found["rows_per_second"], bench.found.get("three_sinks", 0))
    return found


def benchmark():
    return Benchmark(
        "three_sinks",
        "Kafka → geo → Postgres + Kafka + Iceberg",
        [Contestant("pageberg", PAGEBERG, pageberg, 25)],
        [Check("pageberg", "rows_per_second", at_least=180_000)],
        fill,
        empty,
    )
