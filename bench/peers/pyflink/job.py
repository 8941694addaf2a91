"""The job: Kafka, JSON → place of the address → the six columns of processed_events. Runs until it is ended."""

import json
import os

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment
from pyflink.table.udf import ScalarFunction, udf


class Place(ScalarFunction):
    def open(self, _context):
        import maxminddb

        files = os.environ["GEO_FILES"].split(":")
        readers = [maxminddb.open_database(file) for file in files if file]
        self.by_version = {reader.metadata().ip_version: reader for reader in readers}

    def eval(self, ip):
        reader = self.by_version.get(6 if ":" in (ip or "") else 4) or self.by_version.get(6)
        try:
            record = (reader and reader.get(ip)) or {}
        except ValueError:
            record = {}
        return json.dumps(flat(record) if "country_code" in record else nested(record))


def flat(record):
    return {
        "country": record.get("country_code", ""),
        "state": record.get("state1", ""),
        "city": record.get("city", ""),
    }


def nested(record):
    region = (record.get("subdivisions") or [{}])[0]
    return {
        "country": record.get("country", {}).get("iso_code", ""),
        "state": region.get("names", {}).get("en", ""),
        "city": record.get("city", {}).get("names", {}).get("en", ""),
    }


def settings():
    return dict(setting.split("=", 1) for setting in os.environ["SETTINGS"].split(";"))


def main():
    configuration = Configuration()
    for name, value in settings().items():
        if "." in name:
            configuration.set_string(name, value)
    configuration.set_string("pipeline.jars", os.environ["JARS"])
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(int(settings()["parallelism"]))
    table = StreamTableEnvironment.create(environment)
    table.execute_sql(f"""
        CREATE TABLE events (
            url STRING, referrer STRING, user_agent STRING, host STRING, ip STRING, headers STRING, event_time STRING,
            event_timestamp AS TO_TIMESTAMP(event_time, 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''')
        ) WITH (
            'connector' = 'kafka', 'properties.bootstrap.servers' = '{os.environ["BROKERS"]}',
            'topic' = '{os.environ["TOPIC"]}', 'properties.group.id' = 'pyflink',
            'scan.startup.mode' = 'earliest-offset', 'format' = 'json'
        )""")
    table.execute_sql(f"""
        CREATE TABLE processed_events (
            ip VARCHAR, event_timestamp TIMESTAMP(3), referrer VARCHAR, host VARCHAR, url VARCHAR, geodata VARCHAR
        ) WITH (
            'connector' = 'jdbc', 'url' = '{os.environ["JDBC_URL"]}', 'table-name' = 'processed_events',
            'username' = 'pageberg', 'password' = '', 'driver' = 'org.postgresql.Driver',
            'sink.buffer-flush.max-rows' = '5000'
        )""")
    table.create_temporary_system_function("place", udf(Place(), result_type=DataTypes.STRING()))
    rows = "SELECT ip, event_timestamp, referrer, host, url, place(ip) FROM events"
    table.execute_sql(f"INSERT INTO processed_events {rows}").wait()


if __name__ == "__main__":
    main()
