#!/usr/bin/env bash
# Makes .cache/fixtures (PAGEBERG_CACHE), the files that the tests read, and prints the folder's path. Does nothing when it is
# up to date.
#
#   geo/maxmind-db   MaxMind's databases for tests, sound and damaged, out of the source distribution of maxminddb
#   geo/city         city databases of a made-up world, in MMDB's and in IP2Location's format
#   geo/ip2location  stand-ins for IP2Location's files of several years
#   weblogs          a web server's log of made-up visitors of that world
#
# tests/fixtures has what makes them. Only maxminddb's source distribution is fetched (0.5 MB), and held to its sha256.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SOURCE=tests/fixtures
CACHE=${PAGEBERG_CACHE:-$PWD/.cache}
FOLDER=$CACHE/fixtures
WANTED=$(cat dev/fixtures.sh dev/requirements.txt "$SOURCE"/*.* | cksum)

die() {
    printf 'fixtures.sh: %s\n' "$*" >&2
    exit 1
}

# Fetches MaxMind's databases into the folder $1/geo/maxmind-db, by way of $2.
fetch_maxmind_db() {
    local target=$1/geo/maxmind-db unpack=$2 data
    "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary maxminddb \
        --requirement "$SOURCE/maxminddb.txt" --dest "$unpack" >&2 || die "pip failed to fetch $SOURCE/maxminddb.txt"
    tar -xzf "$unpack"/maxminddb-*.tar.gz -C "$unpack"
    data=$(echo "$unpack"/maxminddb-*/tests/data)
    mkdir -p "$target"
    mv "$data/test-data" "$data/bad-data" "$data"/LICENSE-* "$target"
}

make_fixtures() {
    local work
    PYTHON=$(dev/venv.sh)
    echo "making the fixtures of the tests" >&2
    work=$(mktemp -d "$CACHE/fixtures.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$work'" EXIT
    mkdir "$work/new" "$work/unpack"
    fetch_maxmind_db "$work/new" "$work/unpack"
    "$PYTHON" -B "$SOURCE/make.py" "$work/new" >&2 || die "$SOURCE/make.py failed"
    echo "$WANTED" >"$work/new/inputs.cksum"
    if [ -d "$FOLDER" ]; then mv "$FOLDER" "$work/old"; fi
    mv "$work/new" "$FOLDER"
}

[ "$(cat "$FOLDER/inputs.cksum" 2>/dev/null)" = "$WANTED" ] || make_fixtures
echo "$FOLDER"
