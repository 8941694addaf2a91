#!/usr/bin/env bash
# `make test`: sets up what the tests need, then runs every check there is and ends with a summary. The first check that
# fails ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SUMMARY=
LOG=$(mktemp)
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
    rm -f "$LOG"
    if [ "$code" != 0 ]; then printf '\nfailed: %s\n' "$CURRENT" >&2; fi
}

set_up() {
    dev/need.sh cargo cc c++ perl npm python3 java mvn openssl
    if [ "$(uname)" = Linux ]; then dev/need.sh valgrind; fi
    BIN=$(dirname "$(dev/venv.sh)")
    echo "Postgres: $(dev/postgres.sh bin)"
    echo "Kafka: $(dev/kafka.sh fetch)"
    echo "Spark: $(dev/spark.sh)"
    echo "Nessie: $(dev/nessie.sh fetch)"
    echo "Azurite: $(dev/azurite.sh)"
    echo "Browser: $(dev/browser.sh)"
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

# A skipped test is a failure: nothing is left out silently.
tests() {
    cargo test --workspace --locked 2>&1 | tee "$LOG"
    COUNTS=$(awk '/^test result:/ { passed += $4; ignored += $8 } END { print passed + 0, ignored + 0 }' "$LOG")
    [ "${COUNTS#* }" = 0 ] || { echo "${COUNTS#* } tests were ignored" >&2 && return 1; }
}

# bench/tools is a workspace of its own, and builds where `make bench` does.
benchmarks() (
    local tools=bench/tools/Cargo.toml
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/bench
    cargo fmt --manifest-path "$tools" --check
    cargo clippy --manifest-path "$tools" --all-targets -- -D warnings
    cargo test --manifest-path "$tools" --quiet --lib
    "$BIN/python" -m unittest discover --start-directory bench --top-level-directory bench
)

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
check "set-up" set_up
check "scripts: bash -n, shellcheck" scripts
check "containers: hadolint, compose schema" containers
check "formatting" cargo fmt --all --check
check "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
check "tests" tests
check "benchmarks: lints, tests" benchmarks
check "instructions of an event" instructions
check "documentation" documentation
check "dependencies: cargo-deny" dependencies
printf '\n%s' "$SUMMARY"
printf 'all checks passed: %d tests in %d min %d s altogether\n' "${COUNTS% *}" "$((SECONDS / 60))" "$((SECONDS % 60))"
