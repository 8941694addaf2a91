#!/usr/bin/env bash
# dev/duckdb.sh SQL: runs SQL in DuckDB with the Iceberg table of DATA (./data) as the view `page_views`.
set -euo pipefail
SQL=${1:?usage: dev/duckdb.sh SQL}
CATALOG=${DATA:-./data}/catalog.sqlite
if [ ! -f "$CATALOG" ]; then
    echo "duckdb.sh: found no $CATALOG: start pageberg first, or set DATA" >&2
    exit 1
fi
CATALOG=$(cd "$(dirname "$CATALOG")" && pwd)/catalog.sqlite
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=$(dev/venv.sh)
exec "$PYTHON" - "$CATALOG" "$SQL" <<'PYTHON'
import sqlite3
import sys

import duckdb
from duckdb_extensions import import_extension

catalog, sql = sys.argv[1:]
rows = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True).execute(
    "SELECT metadata_location FROM iceberg_tables WHERE table_namespace = 'web' AND table_name = 'page_views'"
).fetchall()
if not rows:
    sys.exit(f"duckdb.sh: {catalog} has no table web.page_views yet: post an event and wait for the first commit")

connection = duckdb.connect()
for extension in ("avro", "httpfs", "iceberg"):
    import_extension(extension, con=connection)
    connection.load_extension(extension)
metadata = rows[0][0].replace("'", "''")
connection.execute(f"CREATE VIEW page_views AS FROM iceberg_scan('{metadata}')")
result = connection.sql(sql)
if result is not None:
    result.show(max_rows=1000)
PYTHON
