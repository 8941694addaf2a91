"""HTTP → log: one event a request, and 100 events a request as lines."""

from harness.figures import ALTERNATIVE, LIMIT, PAGEBERG, Benchmark, Check, Contestant
from harness.http import Records, closed_loop
from harness.pageberg import Pageberg
from harness.processes import Failed, Process, answers_tcp, free_port, until

LINES = 100
START_SECONDS = 20
# Of the load: clients that send one event a request, and those that send many.
CONNECTIONS = 256
CONNECTIONS_OF_LINES = 32
# `serve` has a sink; one that nobody can reach costs nothing, as the log alone is measured.
NO_SINK = ["--sinks", "postgres", "--postgres", "postgres://127.0.0.1:1/nobody"]


def empty_handler(bench, work):
    address = f"127.0.0.1:{free_port()}"
    with Process("empty_handler", [bench.tools.path("empty_handler"), address], work) as process:
        until("the empty handler listens", lambda: answers_tcp(address), START_SECONDS, process)
        return closed_loop(bench, process, address, path_of(1), CONNECTIONS)


def axum_kafka(connections, lines=1, options=()):
    def run(bench, work):
        address = f"127.0.0.1:{free_port()}"
        with bench.kafka.topic("limit") as topic:
            command = [bench.tools.path("axum_kafka"), address, bench.kafka.brokers, topic, *options]
            with Process("axum_kafka", command, work) as process:
                until("axum with rdkafka listens", lambda: answers_tcp(address), START_SECONDS, process)
                records, servers = Records(bench.kafka, topic), {"kafka": bench.kafka}
                return closed_loop(bench, process, address, path_of(lines), connections, lines, servers, records)

    return run


def path_of(lines):
    return "/one" if lines == 1 else "/lines"


def to_kafka(connections, lines=1):
    def run(bench, work):
        with bench.kafka.topic("gateway") as topic:
            settings = {"KAFKA_URL": bench.kafka.brokers, "KAFKA_TOPIC": topic}
            with Pageberg(bench, "gateway", work, settings) as process:
                records, servers = Records(bench.kafka, topic), {"kafka": bench.kafka}
                return closed_loop(bench, process, process.listen, "/v1/events", connections, lines, servers, records)

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


def one_event(scale, peers):
    ways = [
        ("pageberg → Kafka", PAGEBERG, to_kafka(CONNECTIONS)),
        ("axum + rdkafka", LIMIT, axum_kafka(CONNECTIONS)),
        ("axum + rdkafka, keys", LIMIT, axum_kafka(CONNECTIONS, options=["keyed"])),
        ("pageberg → log", PAGEBERG, to_log(CONNECTIONS)),
        ("empty handler", LIMIT, empty_handler),
        *benthos(peers, CONNECTIONS, 1),
    ]
    checks = [
        Check("pageberg → Kafka", "events_per_second", "Benthos engine", at_least=1.4),
        Check("pageberg → Kafka", "events_per_second", "empty handler", at_least=0.65),
        Check("pageberg → Kafka", "p99_ms", "axum + rdkafka", at_most=1.2),
        Check("pageberg → log", "events_per_second", "empty handler", at_least=0.8),
    ]
    title = f"HTTP, one event a request, {CONNECTIONS} connections"
    return Benchmark(f"http_one_event_{CONNECTIONS}", title, contestants(ways, scale), checks)


def many_events(scale, peers):
    ways = [
        ("pageberg → Kafka", PAGEBERG, to_kafka(CONNECTIONS_OF_LINES, LINES)),
        ("axum + rdkafka", LIMIT, axum_kafka(CONNECTIONS_OF_LINES, LINES)),
        ("pageberg → log", PAGEBERG, to_log(CONNECTIONS_OF_LINES, LINES)),
        *benthos(peers, CONNECTIONS_OF_LINES, LINES),
    ]
    checks = [
        Check("pageberg → Kafka", "events_per_second", "Benthos engine", at_least=1),
        Check("pageberg → log", "events_per_second", "pageberg → Kafka", at_least=1.5),
    ]
    title = f"HTTP, {LINES} events a request, {CONNECTIONS_OF_LINES} connections"
    return Benchmark(f"http_lines_{CONNECTIONS_OF_LINES}", title, contestants(ways, scale), checks)


def benthos(peers, connections, lines):
    if not peers:
        return []
    from peers import benthos as engine

    return [("Benthos engine", ALTERNATIVE, engine.run(connections, lines))]


def contestants(ways, scale):
    seconds = scale.warm_seconds + scale.http_seconds + 3
    return [Contestant(name, role, run, seconds) for name, role, run in ways]
