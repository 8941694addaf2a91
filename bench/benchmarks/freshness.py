"""How long after its receipt an event is visible to readers, at half of the load that the three sinks can take.

Postgres tells when each row's transaction was committed. Iceberg's rows became visible when the snapshot that added
their file was first seen in the catalog.
"""

import threading
import time

import pyarrow
import pyarrow.dataset
from pyarrow import compute
from pyiceberg.catalog.rest import RestCatalog

from benchmarks.three_sinks import SINKS
from harness.figures import PAGEBERG, Benchmark, Check, Contestant
from harness.load import open_loop
from harness.pageberg import Pageberg, downstream_topic, group
from harness.processes import Failed, until

CONNECTIONS = 16
EVENTS_A_REQUEST = 10
# When no backlog was measured before, as with --only.
DEFAULT_EVENTS_A_SECOND = 40_000
LOOKS_A_SECOND = 20
START_SECONDS = 2
MICROS = 1_000_000
QUANTILES = ("p50", "p99", "max")
POSTGRES_LATENCY = """
    WITH latency AS (
        SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - received_at) AS seconds
        FROM processed_events
        WHERE received_at > (SELECT min(received_at) FROM processed_events) + interval '2 seconds'
    )
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds),
        max(seconds)
    FROM latency"""


class Watch(threading.Thread):
    """Notes when each snapshot is first seen in the catalog."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process = process
        self.seen = {}
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(1 / LOOKS_A_SECOND):
            try:
                metadata = self.process.table_metadata()
            except (Failed, OSError):
                # There is no table yet.
                continue
            now = time.time()
            for snapshot in metadata.get("snapshots") or []:
                self.seen.setdefault(snapshot["snapshot-id"], now)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def half_load(bench):
    """Events a second, of what the three sinks took at most."""
    measured = bench.found.get("three_sinks", {"contestants": [{"figures": {}}]})["contestants"][0]["figures"]
    return measured["rows_per_second"]["max"] / 2 if measured else DEFAULT_EVENTS_A_SECOND


def pageberg(bench, work):
    url = bench.postgres.create_database()
    try:
        with bench.kafka.topic("fresh") as topic:
            return deliver(bench, work, topic, url)
    finally:
        bench.postgres.drop_database(url)
        bench.kafka.delete_topics(downstream_topic(work))


def deliver(bench, work, topic, url):
    scale, rate, events_file = bench.scale, half_load(bench), bench.work / "untimed.ndjson"
    bench.tools.write_events(events_file, 20_000, 0)
    settings = {
        "KAFKA_URL": bench.kafka.brokers,
        "KAFKA_TOPIC": topic,
        "KAFKA_GROUP": group(work),
        "POSTGRES_URL": url,
        "PAGEBERG_PIPELINE__START": "earliest",
        "PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS": scale.iceberg_commit_ms,
    }
    with Pageberg(bench, "serve", work, settings, ["--sinks", ",".join(SINKS)]) as process, Watch(process) as watch:
        started, before = time.monotonic(), process.cpu_seconds()
        shape = (rate, CONNECTIONS, scale.freshness_seconds, EVENTS_A_REQUEST)
        load = open_loop(bench, process.listen, "/v1/events", *shape, events_file)
        events = load.requests * EVENTS_A_REQUEST
        patience = 60 + scale.iceberg_commit_ms / 1e3
        until("all is delivered", lambda: process.delivered(SINKS) == events, patience, process)
        cost, seconds = process.cpu_seconds() - before, time.monotonic() - started
        memory = process.peak_memory_mib()
        time.sleep(2 / LOOKS_A_SECOND)
        process.expect_iceberg_rows(events)
        bench.postgres.expect_rows(url, events)
        postgres, iceberg = bench.postgres.select(POSTGRES_LATENCY, url), iceberg_latency(process, watch.seen)
    return {
        "load_events_per_second": rate,
        **{f"postgres_{name}_s": float(found) for name, found in zip(QUANTILES, postgres)},
        **{f"iceberg_{name}_s": found for name, found in zip(QUANTILES, iceberg)},
        "answer_p99_ms": load.p99_ms,
        "cpu_s_per_million": cost / events * 1e6,
        "cores": cost / seconds,
        "peak_memory_mib": memory,
    }


def iceberg_latency(process, seen):
    """p50, p99 and maximum in seconds, of all rows but those of the first seconds."""
    table = RestCatalog("pageberg", uri=process.catalog()).load_table("web.page_views")
    parts = []
    for entry in table.inspect.entries().to_pylist():
        path = entry["data_file"]["file_path"].removeprefix("file://")
        times = pyarrow.dataset.dataset(path).to_table(columns=["received_at"])["received_at"]
        parts.append((times.cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64()), seen[entry["snapshot_id"]]))
    start = min(compute.min(received).as_py() for received, _ in parts) + START_SECONDS * MICROS
    latencies = []
    for received, visible in parts:
        late = received.filter(compute.greater(received, start))
        latencies += compute.subtract(int(visible * MICROS), late).chunks
    quantiles = compute.quantile(pyarrow.chunked_array(latencies), [0.5, 0.99, 1.0])
    return [micros / MICROS for micros in quantiles.to_pylist()]


def benchmark(scale):
    return Benchmark(
        "freshness",
        "From receipt to visible row, at half load",
        [Contestant("pageberg", PAGEBERG, pageberg, scale.freshness_seconds + 25)],
        [
            Check("pageberg", "postgres_p99_s", at_most=1),
            Check("pageberg", "iceberg_p99_s", at_most=scale.iceberg_commit_ms / 1e3 + 1),
        ],
        rounds=scale.freshness_rounds,
    )
