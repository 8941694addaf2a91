"""p99 of the gateway's answers at the same rate of requests, against the connections that they come over."""

import resource

from harness.figures import PAGEBERG, Benchmark, Check, Contestant
from harness.load import open_loop
from harness.pageberg import Pageberg
from harness.processes import Failed

REQUESTS_A_SECOND = 10_000
# Files that each process needs besides its connections.
OTHER_FILES = 200


def point(connections):
    def run(bench, work):
        if connections + OTHER_FILES > (files := resource.getrlimit(resource.RLIMIT_NOFILE)[0]):
            raise Failed(f"{connections} connections need more than {files} open files: raise ulimit -Hn")
        seconds = bench.scale.connection_seconds
        settings = {
            "KAFKA_URL": bench.kafka.brokers,
            "PAGEBERG_GATEWAY__MAX_CONNECTIONS": 2 * connections,
            "PAGEBERG_GATEWAY__MAX_REQUESTS": 2 * connections,
        }
        with bench.kafka.topic("gateway") as topic:
            with Pageberg(bench, "gateway", work, settings | {"KAFKA_TOPIC": topic}) as process:
                before = process.cpu_seconds()
                load = open_loop(bench, process.listen, "/v1/events", REQUESTS_A_SECOND, connections, seconds)
                cost = process.cpu_seconds() - before
                bench.kafka.expect_records(topic, load.requests, load.requests)
                memory = process.peak_memory_mib()
        return {
            "events_per_second": load.requests_per_second,
            "p50_ms": load.p50_ms,
            "p99_ms": load.p99_ms,
            "cpu_s_per_million": cost / load.requests * 1e6,
            "peak_memory_mib": memory,
        }

    return run


def curve(scale):
    seconds = 6 + scale.connection_seconds
    points = [Contestant(str(connections), PAGEBERG, point(connections), seconds) for connections in scale.connections]
    first, last = points[0].name, points[-1].name
    return Benchmark(
        "curve_connections",
        f"Gateway at {REQUESTS_A_SECOND:,} requests/s against connections",
        points,
        [Check(last, "cpu_s_per_million", first, at_most=2), Check(last, "p99_ms", first, at_most=5)],
        rounds=scale.curve_rounds,
        axis=("connections", ("p50_ms", "p99_ms", "peak_memory_mib")),
    )
