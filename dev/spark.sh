#!/usr/bin/env bash
# Makes a folder in .cache (PAGEBERG_CACHE) with PySpark, in `packages`, and the Iceberg runtime for it, iceberg.jar; prints
# the folder's path. Does nothing when it is there.
#
# It needs Java 17 or newer; fetching (504 MB) needs Maven.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SPARK=4.1.4
ICEBERG=1.12.0
ARTIFACT=iceberg-spark-runtime-${SPARK%.*}_2.13
CACHE=${PAGEBERG_CACHE:-$PWD/.cache}
FOLDER=$CACHE/spark-$SPARK-iceberg-$ICEBERG

die() {
    printf 'spark.sh: %s\n' "$*" >&2
    exit 1
}

fetch() {
    local python unpack
    dev/need.sh java mvn || die "Spark needs Java, and its Iceberg runtime comes by Maven"
    python=$(dev/venv.sh)
    echo "fetching Spark $SPARK and Iceberg $ICEBERG (504 MB, once)" >&2
    unpack=$(mktemp -d "$CACHE/unpack.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$unpack'" EXIT
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dmdep.stripVersion=true \
        -Dartifact="org.apache.iceberg:$ARTIFACT:$ICEBERG" -DoutputDirectory="$unpack/new" >&2 ||
        die "Maven failed to fetch $ARTIFACT $ICEBERG"
    mv "$unpack/new/$ARTIFACT.jar" "$unpack/new/iceberg.jar"
    "$python" -m pip install --quiet --no-compile --disable-pip-version-check --target "$unpack/new/packages" "pyspark==$SPARK" >&2 ||
        die "pip failed to fetch PySpark $SPARK"
    [ -d "$FOLDER" ] || mv "$unpack/new" "$FOLDER"
}

[ -d "$FOLDER" ] || fetch
echo "$FOLDER"
