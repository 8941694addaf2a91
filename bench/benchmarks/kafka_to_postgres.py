"""Kafka → geo → Postgres: a backlog."""

from harness.backlog import work_off
from harness.figures import ALTERNATIVE, LIMIT, PAGEBERG, Benchmark, Check, Contestant
from harness.pageberg import pipeline

SIX_COLUMNS = """CREATE TABLE processed_events (
    ip VARCHAR, event_timestamp TIMESTAMP(3), referrer VARCHAR, host VARCHAR, url VARCHAR, geodata VARCHAR)"""


def pageberg(bench, work):
    events, url = bench.scale.postgres_events, bench.postgres.create_database()
    servers = {"kafka": bench.kafka, "postgres": bench.postgres}
    try:
        with pipeline(bench, work, bench.topic, ["postgres"], url) as process:
            found = work_off(process, lambda: process.delivered(["postgres"]), events, servers)
            bench.postgres.expect_rows(url, events)
    finally:
        bench.postgres.drop_database(url)
    return found


def copy(connections):
    def run(bench, _work):
        url = bench.postgres.create_database()
        bench.postgres.execute(SIX_COLUMNS, url)
        before = bench.postgres.cpu_seconds()
        try:
            events = bench.scale.postgres_events
            finished = bench.tools.run("copy_rows", url, connections, events, bench.events_file)
            rows, seconds = finished.found["rows"], finished.found["seconds"]
            cost = bench.postgres.cpu_seconds() - before
            bench.postgres.expect_rows(url, rows)
        finally:
            bench.postgres.drop_database(url)
        return {
            "rows_per_second": rows / seconds,
            "cpu_s_per_million": finished.cpu_seconds / rows * 1e6,
            "cpu_s_per_million.postgres": cost / rows * 1e6,
        }

    return run


def benchmark(scale, peers):
    events = scale.postgres_events
    contestants = [
        Contestant("pageberg", PAGEBERG, pageberg, 5 + events / 200_000),
        Contestant("COPY, 1 connection", LIMIT, copy(1), 1 + events / 500_000),
        Contestant("COPY, 2 connections", LIMIT, copy(2), 1 + events / 800_000),
    ]
    if peers:
        from peers import pyflink

        contestants.append(Contestant("PyFlink", ALTERNATIVE, pyflink.run, 15 + events / 50_000))
    return Benchmark(
        "kafka_to_postgres",
        "Kafka → geo → Postgres",
        contestants,
        [
            Check("pageberg", "rows_per_second", "PyFlink", at_least=5),
            Check("pageberg", "cpu_s_per_million", "PyFlink", at_most=0.2),
        ],
        fill,
        empty,
    )


def fill(bench):
    bench.topic = bench.tools.fill(bench.kafka, bench.scale.postgres_events)


def empty(bench):
    bench.kafka.delete_topics(bench.topic)
