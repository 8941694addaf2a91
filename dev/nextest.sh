#!/usr/bin/env bash
# Runs cargo-nextest, which is a package of .cache/venv, with the arguments, such as: dev/nextest.sh run -p eventlog
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:$(dirname "$(dev/venv.sh)") exec cargo nextest "$@"
