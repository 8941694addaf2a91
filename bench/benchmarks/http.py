"""HTTP → log: one event a request, and 100 events a request as lines."""

from harness.figures import ALTERNATIVE, LIMIT, PAGEBERG, Benchmark, Check, Contestant
from harness.http import Records, closed_loop
from harness.pageberg import Pageberg
from harness.processes import Failed, Process, answers_tcp, free_port, until

LINES = 100
START_SECONDS = 20
TARGET_CONNECTIONS = 256
# `serve` has a sink; one that nobody can reach costs nothing, as the log alone is measured.
NO_SINK = ["--sinks", "postgres", "--postgres", "postgres://127.0.0.1:1/nobody"]


def empty_handler(connections, lines=1):
    def run(bench, work):
        address = f"127.0.0.1:{free_port()}"
        with Process("empty_handler", [bench.tools.path("empty_handler"), address], work) as process:
            until("the empty handler listens", lambda: answers_tcp(address), START_SECONDS, process)
            return closed_loop(bench, process, address, path_of(lines), connections, lines)

    return run


def axum_kafka(connections, lines=1, options=()):
    def run(bench, work):
        address, topic = f"127.0.0.1:{free_port()}", bench.kafka.create_topic("limit")
        command = [bench.tools.path("axum_kafka"), address, bench.kafka.brokers, topic, *options]
        try:
            with Process("axum_kafka", command, work) as process:
                until("axum with rdkafka listens", lambda: answers_tcp(address), START_SECONDS, process)
                records, servers = Records(bench.kafka, topic), {"kafka": bench.kafka}
                return closed_loop(bench, process, address, path_of(lines), connections, lines, servers, records)
        finally:
            bench.kafka.delete_topics(topic)

    return run


def path_of(lines):
    return "/one" if lines == 1 else "/lines"


def to_kafka(connections, lines=1):
    def run(bench, work):
        topic = bench.kafka.create_topic("gateway")
        settings = {"KAFKA_URL": bench.kafka.brokers, "KAFKA_TOPIC": topic}
        try:
            with Pageberg(bench, "gateway", work, settings) as process:
                records, servers = Records(bench.kafka, topic), {"kafka": bench.kafka}
                return closed_loop(bench, process, process.listen, "/v1/events", connections, lines, servers, records)
        finally:
            bench.kafka.delete_topics(topic)

    return run


class EmbeddedRecords:
    """The records of the embedded log."""

    def __init__(self, process):
        self.process = process

    def __call__(self):
        return sum(end for _, end in self.process.status()["log"]["partitions"].values())

    def expect(self, least, most):
        if not least <= (found := self()) <= most:
            raise Failed(f"lost or invented events: the log holds {found}, {least} were acknowledged")


def to_log(connections, lines=1):
    def run(bench, work):
        with Pageberg(bench, "serve", work, flags=NO_SINK) as process:
            records = EmbeddedRecords(process)
            return closed_loop(bench, process, process.listen, "/v1/events", connections, lines, None, records)

    return run


def one_event(connections, peers):
    contestants = [
        Contestant("pageberg → Kafka", PAGEBERG, to_kafka(connections), 6),
        Contestant("axum + rdkafka", LIMIT, axum_kafka(connections), 6),
        Contestant("pageberg → log", PAGEBERG, to_log(connections), 6),
        Contestant("empty handler", LIMIT, empty_handler(connections), 6),
    ]
    if connections == TARGET_CONNECTIONS:
        contestants.insert(2, Contestant("axum + rdkafka, keys", LIMIT, axum_kafka(connections, options=["keyed"]), 6))
    if peers:
        from peers import benthos

        contestants.append(Contestant("Benthos engine", ALTERNATIVE, benthos.run(connections, 1), 8))
    checks = [
        Check("pageberg → Kafka", "events_per_second", "Benthos engine", at_least=1.4),
        Check("pageberg → Kafka", "events_per_second", "empty handler", at_least=0.65),
        Check("pageberg → Kafka", "p99_ms", "axum + rdkafka", at_most=1.2),
        Check("pageberg → log", "events_per_second", "empty handler", at_least=0.8),
    ]
    # Fewer connections are measured to be seen.
    title = f"HTTP, one event a request, {connections} connections"
    return Benchmark(
        f"http_one_event_{connections}", title, contestants, checks if connections == TARGET_CONNECTIONS else []
    )


def many_events(connections, peers):
    contestants = [
        Contestant("pageberg → Kafka", PAGEBERG, to_kafka(connections, LINES), 7),
        Contestant("axum + rdkafka", LIMIT, axum_kafka(connections, LINES), 7),
        Contestant("pageberg → log", PAGEBERG, to_log(connections, LINES), 7),
    ]
    if peers:
        from peers import benthos

        contestants.append(Contestant("Benthos engine", ALTERNATIVE, benthos.run(connections, LINES), 8))
    checks = [
        Check("pageberg → Kafka", "events_per_second", "Benthos engine", at_least=1),
        Check("pageberg → log", "events_per_second", "pageberg → Kafka", at_least=1.5),
    ]
    title = f"HTTP, {LINES} events a request, {connections} connections"
    return Benchmark(f"http_lines_{connections}", title, contestants, checks)
