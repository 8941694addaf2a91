#!/usr/bin/env bash
# `make bench`: sets up what the benchmarks need, builds the release binary and bench/tools, then measures. The arguments
# are those of bench/run.py.
#
#   BINARY  a pageberg to measure instead of building one
#   GEO     city database files with spaces between; by default those that dev/geo.sh fetches into .cache
#   WEBLOG  a web server's log in the combined format, to be replayed instead of made-up page views
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dev/need.sh cargo cc c++ make perl python3 java mvn npm wrk
TARGET=${CARGO_TARGET_DIR:-$PWD/target}
PYTHON=$(dev/venv.sh)
dev/kafka.sh fetch >/dev/null
dev/postgres.sh bin >/dev/null
if [ -z "${BINARY:-}" ]; then
    echo "building the release binary" >&2
    cargo build --release --locked --features vendored-openssl --bin pageberg
    BINARY=$TARGET/release/pageberg
fi
echo "building bench/tools" >&2
cargo build --profile limits --locked --package bench-tools

FLAGS=(--binary "$BINARY" --tools "$TARGET/limits")
while read -r file; do
    if [ -n "$file" ]; then FLAGS+=(--geo "$file"); fi
done < <(if [ -n "${GEO:-}" ]; then tr ' ' '\n' <<<"$GEO"; else dev/geo.sh "${PAGEBERG_CACHE:-.cache}/geo"; fi)
exec "$PYTHON" bench/run.py "$@" "${FLAGS[@]}"
