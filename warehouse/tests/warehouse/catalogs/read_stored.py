"""read_table.py CATALOG_FILE URL: rows and distinct ids of web.page_views in the S3 server at URL, as DuckDB and as PyIceberg count."""

import json
import sys

import duckdb
from duckdb_extensions import import_extension
from pyiceberg.catalog.sql import SqlCatalog

catalog_file, url = sys.argv[1:]
SCHEME, HOST = url.split("://")
KEY, SECRET, REGION = "key", "secret", "us-east-1"

catalog = SqlCatalog(
    "pageberg",
    **{
        "uri": f"sqlite:///{catalog_file}",
        "s3.endpoint": url,
        "s3.access-key-id": KEY,
        "s3.secret-access-key": SECRET,
        "s3.region": REGION,
    },
)
table = catalog.load_table("web.page_views")
ids = table.scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist()

session = duckdb.connect()
for extension in ("avro", "httpfs", "iceberg"):
    import_extension(extension, con=session)
    session.load_extension(extension)
session.execute(
    f"CREATE SECRET (TYPE s3, KEY_ID '{KEY}', SECRET '{SECRET}', REGION '{REGION}', ENDPOINT '{HOST}', "
    f"URL_STYLE 'path', USE_SSL {SCHEME == 'https'})"
)
query = f"SELECT count(*), count(DISTINCT event_id) FROM iceberg_scan('{table.metadata_location}')"
print(json.dumps({"duckdb": list(session.sql(query).fetchone()), "pyiceberg": [len(ids), len(set(ids))]}))
