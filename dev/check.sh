#!/usr/bin/env bash
# `make check`: what to run before each commit: formatting, lints, the house rules (tests/tidy), unit tests, and the contracts
# of logs and sinks in memory and on the embedded log. It needs no server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dev/venv.sh >/dev/null
dev/fixtures.sh >/dev/null
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
dev/nextest.sh run --profile check --workspace --locked --lib --bins --test tidy --test eventlog --test sinks
printf 'checked in %d min %d s\n' "$((SECONDS / 60))" "$((SECONDS % 60))"
