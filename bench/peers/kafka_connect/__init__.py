"""Kafka Connect with Apache Iceberg's sink: strings only, no partitions, nothing enriched."""

import json
import sqlite3

from harness.backlog import work_off
from harness.processes import Failed, Process, free_port
from peers import HERE, fetch

TASKS = 2
JVM = ["-Xms2g", "-Xmx2g", "-XX:+UseParallelGC"]
COMMIT_INTERVAL_MS = 10_000
# Two tasks would race for the schema of a catalog that has none.
CATALOG = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE iceberg_tables (
        catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
        metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
        PRIMARY KEY (catalog_name, table_namespace, table_name));
    CREATE TABLE iceberg_namespace_properties (
        catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255),
        property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key));"""


def worker(bench, work, folder):
    converters = "org.apache.kafka.connect"
    return {
        "bootstrap.servers": bench.kafka.brokers,
        "plugin.path": folder / "plugins",
        "plugin.discovery": "service_load",
        "key.converter": f"{converters}.converters.ByteArrayConverter",
        "value.converter": f"{converters}.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "offset.storage.file.filename": work / "offsets",
        "listeners": f"http://127.0.0.1:{free_port()}",
        "consumer.auto.offset.reset": "earliest",
        # Or else the end of a topic is committed a minute late.
        "offset.flush.interval.ms": "1000",
    }


def sink(bench, work, control):
    return {
        "name": control,
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": TASKS,
        "topics": bench.topic,
        "iceberg.tables": "web.page_views",
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.control.topic": control,
        "iceberg.control.commit.interval-ms": COMMIT_INTERVAL_MS,
        "iceberg.catalog.type": "jdbc",
        "iceberg.catalog.uri": f"jdbc:sqlite:{work / 'catalog.db'}",
        "iceberg.catalog.warehouse": f"file://{work / 'warehouse'}",
        "iceberg.catalog.jdbc.schema-version": "V1",
    }


def write_properties(path, properties):
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    return path


def run(bench, work):
    folder, control = fetch("kafka_connect"), bench.kafka.create_topic("connect-control", 1)
    with sqlite3.connect(work / "catalog.db") as catalog:
        catalog.executescript(CATALOG)
    catalog.close()
    logging = f"-Dlog4j2.configurationFile={HERE / 'kafka_connect/log4j2.properties'}"
    properties = [
        write_properties(work / "worker.properties", worker(bench, work, folder)),
        write_properties(work / "sink.properties", sink(bench, work, control)),
    ]
    main = "org.apache.kafka.connect.cli.ConnectStandalone"
    command = ["java", *JVM, logging, "-cp", folder / "worker/*", main, *properties]
    try:
        with Process("kafka-connect", command, work) as process:
            events = bench.scale.iceberg_events
            found = work_off(process, Table(work / "warehouse/web/page_views").rows, events, {"kafka": bench.kafka})
            process.kill()
            if (rows := Table(work / "warehouse/web/page_views").rows()) != events:
                raise Failed(f"the table holds {rows} rows of {events}")
            return found
    finally:
        bench.kafka.delete_topics(control)


class Table:
    """An Iceberg table, looked at in its newest metadata file."""

    def __init__(self, folder):
        self.folder = folder

    def rows(self):
        files = sorted(self.folder.glob("metadata/*.metadata.json"))
        try:
            metadata = json.loads(files[-1].read_text())
        except (IndexError, ValueError):
            # None yet, or it is being written.
            return 0
        current = metadata.get("current-snapshot-id")
        snapshots = [one for one in metadata.get("snapshots", []) if one["snapshot-id"] == current]
        return int(snapshots[0]["summary"]["total-records"]) if snapshots else 0
