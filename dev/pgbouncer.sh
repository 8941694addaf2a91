#!/usr/bin/env bash
# Prints the path of PgBouncer, which tests use: the system's, else that of Debian's packages, unpacked (not installed) in
# .cache/pgbouncer (PAGEBERG_CACHE) the first time.
set -euo pipefail
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=dev/process.sh
. "$PROJECT/dev/process.sh"

HOME_FOLDER=${PAGEBERG_CACHE:-$PROJECT/.cache}/pgbouncer
# The program, and the libraries that few machines have.
PACKAGES=(pgbouncer libc-ares2 libevent-2.1-7)

# A fresh machine has no lists of packages; those fetched here are the download's own, and need no right to change the system's.
download() {
    local lists=(-o "Dir::State::lists=$PWD/lists" -o APT::Sandbox::User=)
    apt-get download -qq "${PACKAGES[@]}" && return
    mkdir -p lists/partial
    apt-get update -qq "${lists[@]}"
    apt-get download -qq "${lists[@]}" "${PACKAGES[@]}"
}

fetch() {
    local unpack
    say "fetching PgBouncer (1 MB, once)"
    mkdir -p "$(dirname "$HOME_FOLDER")"
    unpack=$(mktemp -d "$HOME_FOLDER.XXXXXX")
    (
        cd "$unpack"
        download >/dev/null 2>apt.log || { cat apt.log >&2 && exit 1; }
        for package in ./*.deb; do dpkg -x "$package" .; done
        rm -rf ./*.deb apt.log lists
        # shellcheck disable=SC2016 # for the script to expand
        printf '%s\n' '#!/bin/sh' 'here=$(dirname "$0")' \
            'export LD_LIBRARY_PATH=$(echo "$here"/usr/lib/*-linux-gnu)' 'exec "$here/usr/sbin/pgbouncer" "$@"' >run
        chmod 755 . run
    ) || { rm -rf "$unpack" && return 1; }
    mv -T "$unpack" "$HOME_FOLDER" 2>/dev/null || rm -rf "$unpack"
}

if command -v pgbouncer; then exit; fi
if [ ! -x "$HOME_FOLDER/run" ] && ! { command -v apt-get >/dev/null && command -v dpkg >/dev/null && fetch; }; then
    "$PROJECT/dev/need.sh" pgbouncer || die "the tests of poolers need it"
fi
echo "$HOME_FOLDER/run"
