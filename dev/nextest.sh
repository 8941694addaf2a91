#!/usr/bin/env bash
# Runs cargo-nextest from .cache/venv with the arguments, such as: dev/nextest.sh run -p eventlog
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
BIN=$(dirname "$(dev/venv.sh)")
exec "$BIN/cargo-nextest" nextest "$@"
