"""What DuckDB, PyIceberg and Spark find in the table, printed as JSON.

usage: readers.py duckdb|pyiceberg|spark SOURCE QUERY [ARGUMENT]

SOURCE is a data folder, or the URL of a REST catalog, whose token stands in CATALOG_TOKEN if it asks for one, and
#NAMESPACE at its end where that is not web. Spark reads from catalogs only, and knows count, topics, sql
and append alone.

QUERY      prints
count      {"rows": number, "distinct_ids": number}
ids        the event ids, sorted
countries  rows for each geo.country, "" where it is not known
url URL    {"rows": number} with this url
country C  {"rows": number} with this geo.country
equal L    a number of rows for each pair of column and value in the JSON list; null for rows without a value
rows       every row as an object, in order of log_partition and log_offset; times as ISO 8601 in UTC
topics     {"rows", "distinct", "least", "most"} of log_offset for each log_topic
sql TEXT   the rows that DuckDB or Spark answers with as lists, {views} in the text standing for the table
append     {"refused": reason} when the table's rows could not be written to it again, else {}
session    a line for each line of the standard input that names a query and its argument, all in one session
"""

import datetime
import decimal
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import urllib.request

CATALOG = "pageberg"
NAMESPACE = "web"
TABLE = "page_views"
QUERIES = ("count", "ids", "countries", "url", "country", "equal", "rows", "topics", "sql", "append", "session")
PROJECT = pathlib.Path(__file__).resolve().parents[3]
TOPICS = (
    "SELECT log_topic, count(log_offset), count(DISTINCT log_offset), min(log_offset), max(log_offset) "
    "FROM {views} GROUP BY log_topic"
)


def is_url(source):
    return source.startswith("http")


def topic(rows, distinct, least, most):
    return {"rows": rows, "distinct": distinct, "least": least, "most": most}


def metadata_location(data_dir):
    with sqlite3.connect(data_dir / "catalog.sqlite") as catalog:
        query = (
            "SELECT metadata_location FROM iceberg_tables "
            "WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?"
        )
        found = catalog.execute(query, (CATALOG, NAMESPACE, TABLE)).fetchone()
    if found is None:
        sys.exit(f"readers.py: {data_dir} has no table {NAMESPACE}.{TABLE}")
    return found[0]


class DuckDb:
    def __init__(self, source):
        import duckdb
        from duckdb_extensions import import_extension

        self.error = duckdb.Error
        self.session = duckdb.connect()
        for extension in ("avro", "httpfs", "iceberg"):
            import_extension(extension)
            self.session.execute(f"LOAD {extension}")
        self.session.execute("SET TimeZone = 'UTC'")
        self.folder = None if is_url(source) else pathlib.Path(source)
        if self.folder is None:
            self.attach(source)

    def attach(self, url):
        self.catalog = url
        token = os.environ.get("CATALOG_TOKEN")
        authorization = f"TOKEN '{token}'" if token else "AUTHORIZATION_TYPE 'none'"
        self.session.execute(f"ATTACH '' AS lake (TYPE iceberg, ENDPOINT '{url}', {authorization})")
        self.begun_anew(f"CREATE VIEW views AS SELECT * FROM lake.{NAMESPACE}.{TABLE}")

    def execute(self, query, arguments=()):
        if self.folder is not None:
            location = metadata_location(self.folder).replace("'", "''")
            self.session.execute(f"CREATE OR REPLACE VIEW views AS SELECT * FROM iceberg_scan('{location}')")
        return self.begun_anew(query, arguments)

    def begun_anew(self, query, arguments=()):
        """A transaction reads the table as it was when it began. Of a catalog that shows the newest snapshot alone, a
        commit meanwhile leaves it nothing to read, and DuckDB asks for another transaction."""
        while True:
            try:
                return self.session.execute(query, arguments)
            except self.error as error:
                if "reachable state in this transaction" not in str(error) or self.has_a_past():
                    raise

    def has_a_past(self):
        table = urllib.request.Request(f"{self.catalog}/v1/namespaces/{NAMESPACE}/tables/{TABLE}")
        if token := os.environ.get("CATALOG_TOKEN"):
            table.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(table) as answer:
            return len(json.load(answer)["metadata"]["snapshots"]) > 1

    def select(self, query, arguments=()):
        return self.execute(query, arguments).fetchall()

    def count(self):
        rows, distinct = self.select("SELECT count(*), count(DISTINCT event_id) FROM views")[0]
        return {"rows": rows, "distinct_ids": distinct}

    def topics(self):
        return {name: topic(*counts) for name, *counts in self.sql(TOPICS)}

    def sql(self, text):
        return [list(row) for row in self.select(text.replace("{views}", "views"))]

    def ids(self):
        return [row[0] for row in self.select("SELECT event_id FROM views ORDER BY 1")]

    def countries(self):
        return dict(self.select("SELECT coalesce(geo.country, ''), count(*) FROM views GROUP BY 1"))

    def url(self, url):
        return {"rows": self.select("SELECT count(*) FROM views WHERE url = ?", [url])[0][0]}

    def country(self, country):
        return {"rows": self.select("SELECT count(*) FROM views WHERE geo.country = ?", [country])[0][0]}

    def equal(self, pairs):
        return [self.rows_with(column, value) for column, value in json.loads(pairs)]

    def rows_with(self, column, value):
        # A comparison, not IS NOT DISTINCT FROM, for that prunes no files.
        condition, arguments = (f"{column} IS NULL", []) if value is None else (f"{column} = ?", [value])
        return self.select(f"SELECT count(*) FROM views WHERE {condition}", arguments)[0][0]

    def append(self):
        self.session.execute("SET ignore_target_file_size_for_partitioned_tables = true")
        self.session.execute(f"INSERT INTO lake.{NAMESPACE}.{TABLE} BY NAME SELECT * FROM views")

    def rows(self):
        result = self.execute("SELECT * FROM views ORDER BY log_partition, log_offset")
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]


class PyIceberg:
    def __init__(self, source):
        from pyiceberg.catalog.rest import RestCatalog
        from pyiceberg.catalog.sql import SqlCatalog
        from sqlalchemy.engine import URL

        if is_url(source):
            token = os.environ.get("CATALOG_TOKEN")
            catalog = RestCatalog(CATALOG, uri=source, **({"token": token} if token else {}))
        else:
            database = str((pathlib.Path(source) / "catalog.sqlite").absolute())
            uri = URL.create("sqlite", database=database).render_as_string(hide_password=False)
            catalog = SqlCatalog(CATALOG, uri=uri, init_catalog_tables="false")
        self.table = catalog.load_table((NAMESPACE, TABLE))

    def scan_columns(self, *columns, **options):
        self.table.refresh()
        return self.table.scan(selected_fields=columns or ("*",), **options).to_arrow()

    def scan(self, *columns, **options):
        return self.scan_columns(*columns, **options).to_pylist()

    def count(self):
        ids = self.ids()
        return {"rows": len(ids), "distinct_ids": len(set(ids))}

    def ids(self):
        return sorted(row["event_id"] for row in self.scan("event_id"))

    def countries(self):
        counts = {}
        for row in self.scan("geo.country"):
            country = (row["geo"] or {}).get("country") or ""
            counts[country] = counts.get(country, 0) + 1
        return counts

    def url(self, url):
        from pyiceberg.expressions import EqualTo

        return {"rows": len(self.scan("url", row_filter=EqualTo("url", url)))}

    def country(self, country):
        from pyiceberg.expressions import EqualTo

        return {"rows": len(self.scan("geo.country", row_filter=EqualTo("geo.country", country)))}

    def equal(self, pairs):
        return [self.rows_with(column, value) for column, value in json.loads(pairs)]

    def rows_with(self, column, value):
        from pyiceberg.expressions import EqualTo, IsNull

        condition = IsNull(column) if value is None else EqualTo(column, value)
        return len(self.scan("event_id", row_filter=condition))

    def topics(self):
        found = self.scan_columns("log_topic", "log_offset").group_by("log_topic")
        kinds = ("count", "count_distinct", "min", "max")
        found = found.aggregate([("log_offset", kind) for kind in kinds]).to_pylist()
        return {row["log_topic"]: topic(*(row[f"log_offset_{kind}"] for kind in kinds)) for row in found}

    def append(self):
        self.table.append(self.table.scan().to_arrow())

    def rows(self):
        return sorted(self.scan(), key=lambda row: (row["log_partition"], row["log_offset"]))


class Spark:
    def __init__(self, source):
        found = subprocess.run([PROJECT / "dev/spark.sh"], stdout=subprocess.PIPE, check=True, text=True)
        folder = pathlib.Path(found.stdout.strip())
        sys.path.insert(0, str(folder / "packages"))
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        from pyspark.sql import SparkSession

        settings = {
            "spark.jars": folder / "iceberg.jar",
            "spark.driver.memory": "512m",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.sql.shuffle.partitions": "1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.lake.type": "rest",
            "spark.sql.catalog.lake.uri": source,
            "spark.sql.catalog.lake.cache-enabled": "false",
            "spark.sql.session.timeZone": "UTC",
        }
        if token := os.environ.get("CATALOG_TOKEN"):
            settings["spark.sql.catalog.lake.token"] = token
        builder = SparkSession.builder.master("local[1]")
        for name, value in settings.items():
            builder = builder.config(name, str(value))
        self.session = builder.getOrCreate()
        self.table = f"lake.{NAMESPACE}.{TABLE}"

    def count(self):
        query = f"SELECT count(*), count(DISTINCT event_id) FROM {self.table}"
        rows, distinct = self.session.sql(query).collect()[0]
        return {"rows": rows, "distinct_ids": distinct}

    def topics(self):
        return {name: topic(*counts) for name, *counts in self.sql(TOPICS)}

    def sql(self, text):
        return [list(row) for row in self.session.sql(text.replace("{views}", self.table)).collect()]

    def append(self):
        self.session.sql(f"INSERT INTO {self.table} SELECT * FROM {self.table}")


def as_json(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"{type(value)} in a row")


def answer(reader, query, *arguments):
    if query != "append":
        return getattr(reader, query)(*arguments)
    try:
        reader.append()
    except Exception as error:
        return {"refused": str(error)}
    return {}


def main(reader, source, query, *arguments):
    global NAMESPACE
    source, _, namespace = source.partition("#")
    NAMESPACE = namespace or NAMESPACE
    readers = {"duckdb": DuckDb, "pyiceberg": PyIceberg, "spark": Spark}
    reader = readers[reader](source)
    queries = (line.strip().split(" ", 1) for line in sys.stdin) if query == "session" else [[query, *arguments]]
    for query in queries:
        print(json.dumps(answer(reader, *query), default=as_json), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[3] not in QUERIES:
        sys.exit(__doc__)
    main(*sys.argv[1:])
