#!/usr/bin/env bash
# bench/peers/fetch.sh kafka_connect|pyflink|benthos: fetches one of the alternatives into .cache (PAGEBERG_CACHE) once, and
# prints its folder.
#
#   kafka_connect   Maven; FOLDER/worker and FOLDER/plugins/iceberg hold its jars
#   pyflink         pip and Maven, needs Python 3.9 to 3.11; FOLDER/venv and FOLDER/jars
#   benthos         Go 1.24 or newer; FOLDER/benthos
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd "$HERE/../.." && pwd)
CACHE=${PAGEBERG_CACHE:-$PROJECT/.cache}
KAFKA=4.1.1
FLINK=2.0.2

say() { printf '%s\n' "$*" >&2; }
die() {
    say "fetch.sh: $*"
    exit 1
}

# jars POM FOLDER OPTION…: copies what a pom names into a folder.
jars() {
    local pom=$1 folder=$2
    shift 2
    mvn -q -B -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -Dkafka.version="$KAFKA" -DoutputDirectory="$folder" "$@" >&2 || die "Maven failed to fetch $pom"
}

kafka_connect() {
    "$PROJECT/dev/need.sh" java mvn
    say "fetching Kafka Connect $KAFKA and its Iceberg sink (230 MB, once)"
    jars "$HERE/kafka_connect/connect-pom.xml" "$1/worker"
    jars "$HERE/kafka_connect/pom.xml" "$1/plugins/iceberg"
}

# Prints a Python that Flink's packages have wheels for.
flink_python() {
    local name
    for name in python3.11 python3.10 python3.9 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    die "PyFlink $FLINK needs Python 3.9, 3.10 or 3.11"
}

pyflink() {
    local python
    "$PROJECT/dev/need.sh" java mvn python3
    python=$(flink_python)
    say "fetching PyFlink $FLINK and its connectors (600 MB, once)"
    "$python" -m venv "$1/venv" >&2
    # Its dependencies are built with setuptools as they were before version 75.
    "$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'setuptools<75' wheel >&2
    "$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation \
        "apache-flink==$FLINK" maxminddb==2.8.2 >&2 || die "pip failed to fetch PyFlink"
    jars "$HERE/pyflink/pom.xml" "$1/jars" -DexcludeTransitive=true
}

benthos() {
    "$PROJECT/dev/need.sh" go
    say "building the Benthos engine (once)"
    mkdir -p "$1/source"
    cp "$HERE"/benthos/{main.go,go.mod} "$1/source/"
    (cd "$1/source" && go mod tidy && go build -o "$1/benthos" .) >&2 || die "Go failed to build the engine"
}

case "${1:-} $#" in
    'kafka_connect 1' | 'pyflink 1' | 'benthos 1') ;;
    *)
        sed -n '/^# bench/,/^#   benthos/s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
# Virtual environments know their own path: the folder is made in place, and counts when its mark is there.
FOLDER=$CACHE/bench-$1
if [ ! -f "$FOLDER/complete" ]; then
    rm -rf "$FOLDER"
    mkdir -p "$FOLDER"
    "$1" "$FOLDER"
    touch "$FOLDER/complete"
fi
echo "$FOLDER"
