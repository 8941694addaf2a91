#!/usr/bin/env bash
# `make test`: sets up what the tests need, then runs every check there is. It ends with the slowest tests and a summary.
# The first check that fails ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SUMMARY=
SETUP_LOG=$(mktemp)
# The tests start their own servers: settings of the caller must not lead them elsewhere.
unset POSTGRES_URL POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB
unset KAFKA_URL KAFKA_TOPIC KAFKA_GROUP KAFKA_WEB_TRAFFIC_KEY KAFKA_WEB_TRAFFIC_SECRET

# check NAME COMMAND…: runs the command and notes its name and time.
check() {
    local name=$1 started=$SECONDS
    shift
    CURRENT=$name
    printf '\n==> %s\n' "$name"
    "$@"
    SUMMARY+=$(printf '%5d s  %s' "$((SECONDS - started))" "$name")$'\n'
}

# shellcheck disable=SC2329 # called by the trap
on_exit() {
    local code=$?
    if [ "$code" != 0 ]; then printf '\nfailed: %s\n' "$CURRENT" >&2; fi
    if [ -n "${SETUP_PID:-}" ] && kill "$SETUP_PID" 2>/dev/null; then cat "$SETUP_LOG" >&2; fi
    rm -f "$SETUP_LOG"
    if [ -n "${BIN:-}" ]; then "$BIN/python" tests/kit/scripts/services.py stop; fi
}

# The build takes the processors, the set-up the network: they go side by side.
begin_set_up() {
    dev/need.sh cargo cc c++ perl npm python3 java mvn openssl
    if [ "$(uname)" = Linux ]; then dev/need.sh valgrind; fi
    dev/test-setup.sh >"$SETUP_LOG" 2>&1 &
    SETUP_PID=$!
}

finish_set_up() {
    local code=0
    wait "$SETUP_PID" || code=$?
    SETUP_PID=
    cat "$SETUP_LOG"
    BIN=$(dirname "$(dev/venv.sh)")
    return "$code"
}

scripts() {
    local script
    for script in dev/*.sh .ci/run; do bash -n "$script"; done
    "$BIN/shellcheck" dev/*.sh .ci/run
}

# DL3008: packages come from the release that the image's tag names, without a version each.
containers() {
    "$BIN/hadolint" --ignore DL3008 Dockerfile
    "$BIN/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml
}

benchmarks() { "$BIN/python" -m unittest discover --start-directory bench --top-level-directory bench; }

instructions() {
    if [ "$(uname)" = Linux ]; then
        "$BIN/python" dev/instructions.py
    else
        echo "Valgrind runs on Linux alone: instructions were not counted"
    fi
}

documentation() { RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet; }

# tests/tidy holds licences and sources to deny.toml everywhere; cargo-deny adds known vulnerabilities where it is there.
dependencies() {
    if command -v cargo-deny >/dev/null; then
        cargo deny --locked check
    else
        echo "cargo-deny is not installed: known vulnerabilities were not looked up"
    fi
}

CURRENT=start
trap on_exit EXIT
check "start" begin_set_up
check "formatting" cargo fmt --all --check
check "build" cargo test --workspace --tests --locked --no-run --quiet
check "set-up (beside the build)" finish_set_up
check "scripts: bash -n, shellcheck" scripts
check "containers: hadolint, compose schema" containers
check "lints" cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
check "tests" dev/nextest.sh run --workspace --tests --locked
check "benchmarks: tests" benchmarks
check "instructions of an event" instructions
check "documentation" documentation
check "dependencies: cargo-deny" dependencies
"$BIN/python" dev/test_report.py target/nextest/default/junit.xml
printf '\n%s' "$SUMMARY"
printf 'all checks passed in %d min %d s\n' "$((SECONDS / 60))" "$((SECONDS % 60))"
