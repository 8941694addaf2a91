#!/usr/bin/env bash
# Makes a folder in .cache (PAGEBERG_CACHE) with Azurite, Azure's own blob server for tests, and prints the folder's path.
# Does nothing when it is there.
#
# It needs Node.js; fetching (365 MB) needs npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=3.37.0
CACHE=${PAGEBERG_CACHE:-$PWD/.cache}
FOLDER=$CACHE/azurite-$VERSION

fetch() {
    local unpack
    dev/need.sh node npm || exit 1
    echo "fetching Azurite $VERSION (365 MB, once)" >&2
    mkdir -p "$CACHE"
    unpack=$(mktemp -d "$CACHE/unpack.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$unpack'" EXIT
    npm install --prefix "$unpack/new" --no-audit --no-fund --no-package-lock --loglevel=error "azurite@$VERSION" >&2 || {
        echo "azurite.sh: npm failed to fetch Azurite $VERSION" >&2
        exit 1
    }
    [ -d "$FOLDER" ] || mv "$unpack/new" "$FOLDER"
}

[ -d "$FOLDER" ] || fetch
echo "$FOLDER"
