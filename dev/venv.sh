#!/usr/bin/env bash
# Makes .cache/venv (PAGEBERG_CACHE) with the Python packages of dev/requirements.txt and prints the path of its python.
# Does nothing when it is up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${PAGEBERG_CACHE:-$PWD/.cache}/venv
STAMP=$VENV/requirements.cksum
WANTED=$(cksum <dev/requirements.txt)

die() {
    printf 'venv.sh: %s\n' "$*" >&2
    exit 1
}

# Prints the newest Python that all the packages have wheels for.
find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3.10 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    dev/need.sh python3
    die "needs Python 3.10 or newer with its venv module (Debian: sudo apt-get install -y python3-venv)"
}

if [ ! -x "$VENV/bin/python" ] || [ "$(cat "$STAMP" 2>/dev/null)" != "$WANTED" ]; then
    PYTHON=$(find_python)
    echo "installing Python packages into $VENV" >&2
    "$PYTHON" -m venv "$VENV" >&2
    "$VENV/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --requirement dev/requirements.txt >&2 ||
        die "failed to install dev/requirements.txt"
    echo "$WANTED" >"$STAMP"
fi
echo "$VENV/bin/python"
