"""Figures of a server under load over HTTP."""

from harness.load import wrk
from harness.processes import until


def closed_loop(bench, process, address, path, connections, events_a_request=1, servers=None, recorded=None):
    """Loads a server, first to warm it up. `recorded()` tells how many events it has made durable, to be compared with
    what it has acknowledged."""
    url = f"http://{address}{path}"
    wrk(bench, url, connections, bench.scale.warm_seconds, events_a_request)
    servers = {"": process} | (servers or {})
    before = {name: server.cpu_seconds() for name, server in servers.items()}
    records = settled(recorded) if recorded else 0
    load = wrk(bench, url, connections, bench.scale.http_seconds, events_a_request)
    after = {name: server.cpu_seconds() for name, server in servers.items()}
    events = load.requests * events_a_request
    if recorded:
        # Requests in flight when the load ends may be recorded and are not counted.
        recorded.expect(records + events, records + events + connections * events_a_request)
    found = {
        "events_per_second": load.requests_per_second * events_a_request,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "peak_memory_mib": process.peak_memory_mib(),
        "cpu_s_per_million.load": load.cpu_seconds / events * 1e6,
    }
    for name in servers:
        found[f"cpu_s_per_million{'.' if name else ''}{name}"] = (after[name] - before[name]) / events * 1e6
    return found


def settled(recorded):
    """The number of records once it stays the same: the last requests of a load are still on their way."""
    seen = []

    def is_settled():
        seen.append(recorded())
        return len(seen) > 1 and seen[-1] == seen[-2]

    until("the load has settled", is_settled, 20, pause_seconds=0.2)
    return seen[-1]


class Records:
    """The records of a Kafka topic."""

    def __init__(self, kafka, topic):
        self.kafka = kafka
        self.topic = topic

    def __call__(self):
        return self.kafka.records(self.topic)

    def expect(self, least, most):
        self.kafka.expect_records(self.topic, least, most)
