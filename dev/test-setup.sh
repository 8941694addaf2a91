#!/usr/bin/env bash
# `make test-setup`: fetches what the tests need into .cache (PAGEBERG_CACHE): Python packages, fixtures, Postgres' binaries,
# PgBouncer, Kafka's jars, Spark, Nessie, Azurite and Chromium. Does nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# fetch NAME COMMAND…: runs the command in the background; it prints where what it has fetched lies.
NAMES=()
JOBS=()
fetch() {
    local name=$1
    shift
    (
        found=$("$@")
        echo "$name: $found"
    ) &
    NAMES+=("$name")
    JOBS+=($!)
}

# Others need it.
echo "Python: $(dev/venv.sh)"
fetch Fixtures dev/fixtures.sh
fetch Postgres dev/postgres.sh bin
fetch PgBouncer dev/pgbouncer.sh
fetch Kafka dev/kafka.sh fetch
fetch Nessie dev/nessie.sh fetch
fetch Spark dev/spark.sh
fetch Azurite dev/azurite.sh
fetch Browser dev/browser.sh

FAILED=
for job in "${!JOBS[@]}"; do
    wait "${JOBS[$job]}" || FAILED+=" ${NAMES[$job]}"
done
if [ -n "$FAILED" ]; then
    echo "test-setup.sh: failed to set up:$FAILED" >&2
    exit 1
fi
