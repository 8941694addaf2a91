"""Kafka → Iceberg: a backlog, enriched, typed, partitioned by day."""

from harness.backlog import work_off
from harness.figures import ALTERNATIVE, LIMIT, PAGEBERG, Benchmark, Check, Contestant
from harness.pageberg import pipeline


def pageberg(bench, work):
    topic, events = bench.topic, bench.scale.iceberg_events
    with pipeline(bench, work, topic, ["iceberg"]) as process:
        found = work_off(process, lambda: process.delivered(["iceberg"]), events, {"kafka": bench.kafka})
        process.expect_iceberg_rows(events)
    return found


def consume(parse):
    def run(bench, _work):
        finished = bench.tools.consume(bench.kafka, bench.topic, parse)
        events, seconds = finished.found["events"], finished.found["seconds"]
        return {"rows_per_second": events / seconds, "cpu_s_per_million": finished.cpu_seconds / events * 1e6}

    return run


def parse(bench, _work):
    events = bench.scale.postgres_events
    finished = bench.tools.run("parse", bench.events_file, events)
    seconds = finished.found["seconds"]
    return {"rows_per_second": events / seconds, "cpu_s_per_million": finished.cpu_seconds / events * 1e6}


def benchmark(scale, peers):
    events = scale.iceberg_events
    contestants = [
        Contestant("pageberg", PAGEBERG, pageberg, 8 + events / 250_000),
        Contestant("rdkafka alone", LIMIT, consume("none"), 1 + events / 900_000),
        Contestant("JSON alone", LIMIT, parse, 1 + scale.postgres_events / 1_500_000),
        Contestant("rdkafka, JSON", LIMIT, consume("json"), 1 + events / 600_000),
    ]
    if peers:
        from peers import kafka_connect

        contestants.append(Contestant("Kafka Connect", ALTERNATIVE, kafka_connect.run, 20 + events / 220_000))
    return Benchmark(
        "kafka_to_iceberg",
        "Kafka → geo → Iceberg, by day",
        contestants,
        [
            Check("pageberg", "rows_per_second", "Kafka Connect", at_least=1.5),
            Check("pageberg", "cpu_s_per_million", "Kafka Connect", at_most=0.6),
            Check("pageberg", "peak_memory_mib", at_most=300),
        ],
        fill,
        empty,
    )


def fill(bench):
    bench.topic = bench.tools.fill(bench.kafka, bench.scale.iceberg_events)


def empty(bench):
    bench.kafka.delete_topics(bench.topic)
