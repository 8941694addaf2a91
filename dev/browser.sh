#!/usr/bin/env bash
# Sets up the browser tests and prints the folder of what they need: .cache/browser (PAGEBERG_CACHE) with the packages of
# tests/browser/package-lock.json, and `chromium`, a link to the system's. Where apt-get is, a missing Chromium is
# installed, by root or with sudo. Does nothing when all is up to date.
set -euo pipefail
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=dev/process.sh
. "$PROJECT/dev/process.sh"

SOURCE=$PROJECT/tests/browser
HOME_FOLDER=${PAGEBERG_CACHE:-$PROJECT/.cache}/browser

find_chromium() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome \
        '/Applications/Chromium.app/Contents/MacOS/Chromium' \
        '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
        if [ -n "$name" ] && command -v "$name"; then return; fi
    done
    return 1
}

install_chromium() {
    local root=()
    command -v apt-get >/dev/null || return 0
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    say "installing Chromium from the system's packages"
    {
        "${root[@]}" apt-get update -qq &&
            "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
    } >&2 || say "apt-get failed"
}

install_packages() {
    local wanted
    wanted=$(cat "$SOURCE/package.json" "$SOURCE/package-lock.json" | cksum)
    if [ "$(cat "$HOME_FOLDER/packages.cksum" 2>/dev/null)" = "$wanted" ]; then return; fi
    "$PROJECT/dev/need.sh" npm node || die "install what is missing, then start again"
    say "installing the packages of tests/browser"
    mkdir -p "$HOME_FOLDER"
    cp "$SOURCE/package.json" "$SOURCE/package-lock.json" "$HOME_FOLDER"
    npm ci --prefix "$HOME_FOLDER" --omit-lockfile-registry-resolved=true --no-audit --no-fund --loglevel=error >&2 ||
        die "failed to install the packages of tests/browser"
    echo "$wanted" >"$HOME_FOLDER/packages.cksum"
}

install_packages
find_chromium >/dev/null || install_chromium
CHROMIUM_FOUND=$(find_chromium) || { "$PROJECT/dev/need.sh" chromium || die "the browser tests need Chromium or Chrome (or set CHROMIUM)"; }
ln -sf "$CHROMIUM_FOUND" "$HOME_FOLDER/chromium"
echo "$HOME_FOLDER"
