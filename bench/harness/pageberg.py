"""The release binary, driven from outside."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

from harness.processes import Failed, Process, free_port, until

START_SECONDS = 60
# A tenth of the default, so that the end of a backlog does not wait for a timer.
BACKLOG_COMMIT_MS = 1_000


class Pageberg(Process):
    """`pageberg VERB …` on a data folder of its own."""

    def __init__(self, bench, verb, work, settings=(), flags=()):
        self.project = bench.project
        self.data = work / "data"
        self.listen, self.status_address = (f"127.0.0.1:{free_port()}" for _ in range(2))
        command = [bench.binary, verb, "--data", self.data, "--status", self.status_address, *flags]
        if verb != "pipeline":
            command += ["--listen", self.listen]
        if verb != "gateway":
            command += [part for file in bench.geo_files for part in ("--geo", file)]
        environment = {"PAGEBERG_LOG_FILTER": "warn"} | dict(settings)
        super().__init__("pageberg", command, work, environment)
        address = self.status_address if verb == "pipeline" else self.listen
        ready = f"http://{address}/health/{'live' if verb == 'pipeline' else 'ready'}"
        until("pageberg is ready", lambda: answers(ready), START_SECONDS, self, 0.02)

    def status(self):
        return json.loads(get(f"http://{self.status_address}/status"))

    def delivered(self, sinks):
        """Records that each of these sinks has committed; the topic must have been new."""
        found = self.status()["sinks"]
        return min(sum(found.get(sink, {}).get("positions", {}).values()) for sink in sinks)

    def expect_iceberg_rows(self, events):
        """Counts rows and distinct ids as DuckDB finds them, through the catalog."""
        command = [sys.executable, self.project / "tests/kit/scripts/readers.py", "duckdb", self.catalog(), "count"]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
        if found != {"rows": events, "distinct_ids": events}:
            raise Failed(f"lost or repeated rows: the Iceberg table holds {found}, {events} are expected")

    def catalog(self):
        return f"http://{self.status_address}/iceberg"

    def table_metadata(self):
        return json.loads(get(f"{self.catalog()}/v1/namespaces/web/tables/page_views"))["metadata"]


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Failed(f"{url}: {error}") from error


def answers(url):
    try:
        return bool(get(url))
    except (OSError, Failed):
        return False


def pipeline(bench, work, topic, sinks, postgres_url=None, **settings):
    """Starts a pipeline that reads a topic from its beginning; a group of an earlier run would go on where that ended."""
    environment = {
        "KAFKA_URL": bench.kafka.brokers,
        "KAFKA_TOPIC": topic,
        "KAFKA_GROUP": group(work),
        "PAGEBERG_PIPELINE__START": "earliest",
        "PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS": BACKLOG_COMMIT_MS,
        **({"POSTGRES_URL": postgres_url} if postgres_url else {}),
        **settings,
    }
    return Pageberg(bench, "pipeline", work, environment, ["--sinks", ",".join(sinks)])


def group(work):
    """The consumer group of a run; folders of runs have names of their own."""
    return f"{work.name}.bench"


def downstream_topic(work):
    return f"{work.name}.raw_events_kafka"
