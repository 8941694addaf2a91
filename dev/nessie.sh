#!/usr/bin/env bash
# A private Nessie, a real Iceberg REST catalog, for the tests: in memory, reachable from 127.0.0.1 alone.
#
#   dev/nessie.sh fetch                     fetches it into .cache (PAGEBERG_CACHE) once, and prints the jar's path
#   dev/nessie.sh run PORT STORE LOCATION   runs it (PORT 0: a free one) until standard input ends, for tables under
#                                           LOCATION (s3://…) in the S3 service at the URL STORE; prints the catalog's
#                                           URL, alone, on stdout, once it answers
#
# It needs Java 21 or newer (JAVA_HOME, else `java`, else the newest in /usr/lib/jvm); fetching (245 MB) needs Maven.
set -euo pipefail
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=dev/process.sh
. "$PROJECT/dev/process.sh"

VERSION=0.99.0
OLDEST_JAVA=21
START_SECONDS=120
# The keys that it signs requests to the store with; a store on this machine takes any.
ACCESS_KEY=pageberg
SECRET_KEY=pageberg-secret

# Prints the major version of the Java $1; nothing when it is none.
java_version() { "$1" -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p'; }

# Sets JAVA to a Java that is new enough.
find_java() {
    local candidate version
    for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} java /usr/lib/jvm/*/bin/java; do
        command -v "$candidate" >/dev/null || continue
        version=$(java_version "$candidate") || continue
        if [ "${version:-0}" -ge "$OLDEST_JAVA" ]; then
            JAVA=$candidate
            return
        fi
    done
    "$PROJECT/dev/need.sh" java || true
    die "Nessie needs Java $OLDEST_JAVA or newer (set JAVA_HOME; Debian: openjdk-21-jre-headless or temurin-21-jre)"
}

# Sets JAR, fetching it the first time.
fetch() {
    local cache=${PAGEBERG_CACHE:-$PROJECT/.cache} unpack
    JAR=$cache/nessie-$VERSION.jar
    [ ! -f "$JAR" ] || return 0
    "$PROJECT/dev/need.sh" mvn || die "Nessie comes by Maven"
    say "fetching Nessie $VERSION (245 MB, once)"
    mkdir -p "$cache"
    unpack=$(mktemp -d "$cache/unpack.XXXXXX")
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dmdep.useBaseVersion=true \
        -Dartifact="org.projectnessie.nessie:nessie-quarkus:$VERSION:jar:runner" -DoutputDirectory="$unpack" >&2 ||
        { rm -rf "$unpack" && die "Maven failed to fetch Nessie $VERSION"; }
    [ -f "$JAR" ] || mv "$unpack/nessie-quarkus-$VERSION-runner.jar" "$JAR"
    rm -rf "$unpack"
}

launch() {
    local catalog=-Dnessie.catalog
    "$JAVA" -Xms64m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$1" \
        -Dquarkus.management.host=127.0.0.1 -Dquarkus.management.port=0 -Dnessie.version.store.type=IN_MEMORY \
        "$catalog.default-warehouse=warehouse" "$catalog.warehouses.warehouse.location=$3" \
        "$catalog.service.s3.default-options.endpoint=$2" "$catalog.service.s3.default-options.region=us-east-1" \
        "$catalog.service.s3.default-options.path-style-access=true" \
        "$catalog.service.s3.default-options.access-key=urn:nessie-secret:quarkus:my-secrets.s3-default" \
        -Dmy-secrets.s3-default.name="$ACCESS_KEY" -Dmy-secrets.s3-default.secret="$SECRET_KEY" \
        -jar "$JAR" </dev/null >"$LOG" 2>&1 &
    PID=$!
}

# Waits until the catalog answers; ends with 1 when it has ended instead.
wait_ready() {
    local deadline=$((SECONDS + START_SECONDS))
    until grep -qs 'Listening on: http' "$LOG"; do
        alive "$PID" || return 1
        [ "$SECONDS" -lt "$deadline" ] || die "Nessie does not answer after $START_SECONDS s"
        sleep 0.05
    done
}

# shellcheck disable=SC2329 # called by the trap
clean_up() {
    [ -z "$PID" ] || kill -KILL "$PID" 2>/dev/null || true
    rm -f "$LOG"
}

run() {
    local attempt port=$1
    find_java
    fetch
    PID=
    LOG=$(mktemp)
    trap clean_up EXIT
    for attempt in 1 2 3; do
        if [ "$1" = 0 ]; then port=$(free_port); fi
        launch "$port" "$2" "$3"
        if wait_ready; then break; fi
        # Another program can take a free port before Nessie does; any other failure is final.
        if [ "$1" != 0 ] || [ "$attempt" = 3 ] || ! grep -q 'already bound\|already in use' "$LOG"; then
            tail -n 20 "$LOG" >&2
            die "Nessie did not start"
        fi
    done
    echo "http://127.0.0.1:$port/iceberg"
    cat >/dev/null
}

case "${1:-} $#" in
    'fetch 1')
        find_java
        fetch
        echo "$JAR"
        ;;
    'run 4') run "$2" "$3" "$4" ;;
    *)
        sed -n '/^#   dev/s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
