"""PyFlink with a Python function that looks places up in the same MMDB files, into Postgres by JDBC."""

import os

from benchmarks.kafka_to_postgres import SIX_COLUMNS
from harness.backlog import work_off
from harness.processes import Process
from peers import HERE, fetch

# Two tasks, and the function in the JVM's process: the best of what was tried.
SETTINGS = {
    "parallelism": 2,
    "python.execution-mode": "thread",
    "python.fn-execution.bundle.size": "10000",
    "python.fn-execution.arrow.batch.size": "10000",
    "execution.checkpointing.interval": "10s",
    "taskmanager.numberOfTaskSlots": "2",
    "taskmanager.memory.process.size": "2g",
}


def python(folder):
    executable = folder / "venv/bin/python"
    return {"python.executable": executable, "python.client.executable": executable}


def run(bench, work):
    folder, url = fetch("pyflink"), bench.postgres.create_database()
    bench.postgres.execute(SIX_COLUMNS, url)
    jars = ";".join(f"file://{jar}" for jar in sorted((folder / "jars").glob("*.jar")))
    # The interpreter inside the JVM finds its packages by the first `python` of the path.
    path = f"{folder / 'venv/bin'}:{os.environ['PATH']}"
    environment = {
        "PATH": path,
        "FLINK_LOG_DIR": work,
        "BROKERS": bench.kafka.brokers,
        "TOPIC": bench.topic,
        "JDBC_URL": "jdbc:postgresql://" + url.split("@")[1] + "?reWriteBatchedInserts=true",
        "GEO_FILES": ":".join(str(file.resolve()) for file in bench.geo_files),
        "JARS": jars,
        "SETTINGS": ";".join(f"{name}={value}" for name, value in (SETTINGS | python(folder)).items()),
    }
    servers = {"kafka": bench.kafka, "postgres": bench.postgres}
    events = bench.scale.postgres_events
    try:
        command = [folder / "venv/bin/python", HERE / "pyflink/job.py"]
        with Process("pyflink", command, work, environment) as process:
            found = work_off(process, lambda: bench.postgres.visible_rows(url, events), events, servers)
            process.kill()
            return found
    finally:
        bench.postgres.drop_database(url)
