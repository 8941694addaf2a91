"""What DuckDB and PyIceberg find in the table of a data folder, printed as JSON.

usage: readers.py duckdb|pyiceberg DATA_DIR QUERY [ARGUMENT]

QUERY      prints
count      {"rows": number, "distinct_ids": number}
ids        the event ids, sorted
countries  rows for each geo.country, "" where it is not known
url URL    {"rows": number} with this url
country C  {"rows": number} with this geo.country
rows       every row as an object, in order of log_partition and log_offset; times as ISO 8601 in UTC
"""

import datetime
import json
import pathlib
import sqlite3
import sys

CATALOG = "pageberg"
NAMESPACE = "web"
TABLE = "page_views"


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
    def __init__(self, data_dir):
        import duckdb
        from duckdb_extensions import import_extension

        self.session = duckdb.connect()
        for extension in ("avro", "httpfs", "iceberg"):
            import_extension(extension)
            self.session.execute(f"LOAD {extension}")
        self.session.execute("SET TimeZone = 'UTC'")
        location = metadata_location(data_dir).replace("'", "''")
        self.session.execute(f"CREATE VIEW views AS SELECT * FROM iceberg_scan('{location}')")

    def select(self, query, arguments=()):
        return self.session.execute(query, arguments).fetchall()

    def count(self):
        rows, distinct = self.select("SELECT count(*), count(DISTINCT event_id) FROM views")[0]
        return {"rows": rows, "distinct_ids": distinct}

    def ids(self):
        return [row[0] for row in self.select("SELECT event_id FROM views ORDER BY 1")]

    def countries(self):
        return dict(self.select("SELECT coalesce(geo.country, ''), count(*) FROM views GROUP BY 1"))

    def url(self, url):
        return {"rows": self.select("SELECT count(*) FROM views WHERE url = ?", [url])[0][0]}

    def country(self, country):
        return {"rows": self.select("SELECT count(*) FROM views WHERE geo.country = ?", [country])[0][0]}

    def rows(self):
        result = self.session.execute("SELECT * FROM views ORDER BY log_partition, log_offset")
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]


class PyIceberg:
    def __init__(self, data_dir):
        from pyiceberg.catalog.sql import SqlCatalog
        from sqlalchemy.engine import URL

        database = str((data_dir / "catalog.sqlite").absolute())
        uri = URL.create("sqlite", database=database).render_as_string(hide_password=False)
        catalog = SqlCatalog(CATALOG, uri=uri, init_catalog_tables="false")
        self.table = catalog.load_table((NAMESPACE, TABLE))

    def scan(self, *columns, **options):
        return self.table.scan(selected_fields=columns or ("*",), **options).to_arrow().to_pylist()

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

    def rows(self):
        return sorted(self.scan(), key=lambda row: (row["log_partition"], row["log_offset"]))


def as_json(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")
    raise TypeError(f"{type(value)} in a row")


def main(reader, data_dir, query, *arguments):
    readers = {"duckdb": DuckDb, "pyiceberg": PyIceberg}
    answer = getattr(readers[reader](pathlib.Path(data_dir)), query)(*arguments)
    json.dump(answer, sys.stdout, default=as_json)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[3] not in ("count", "ids", "countries", "url", "country", "rows"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
