#!/usr/bin/env bash
# `make test`: sets up what the tests need, then runs every check there is. It ends with the slowest tests and a summary.
# The first check that fails ends it. What only takes the processors runs beside what mostly waits: the build beside the
# set-up, and lints, counts and documentation beside the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SUMMARY=
LOGS=$(mktemp -d)
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

# beside COMMAND…: runs the command in the background; `finish` waits for it. One at a time.
beside() {
    # A process group of its own, to be ended as a whole.
    set -m
    "$@" </dev/null >"$LOGS/beside" 2>&1 &
    set +m
    BESIDE=$!
}

# Waits for the command in the background, and prints what it has printed.
finish() {
    local code=0
    wait "$BESIDE" || code=$?
    BESIDE=
    cat "$LOGS/beside"
    return "$code"
}

# shellcheck disable=SC2329 # called by the trap
on_exit() {
    local code=$?
    if [ -n "${BESIDE:-}" ]; then
        kill -- "-$BESIDE" 2>/dev/null || true
        cat "$LOGS/beside"
    fi
    if [ "$code" != 0 ]; then printf '\nfailed: %s\n' "$CURRENT" >&2; fi
    rm -rf "$LOGS"
    if [ -n "${BIN:-}" ]; then "$BIN/python" tests/kit/scripts/services.py stop; fi
}

tools() {
    dev/need.sh cargo cc c++ make npm python3 java mvn openssl
    if [ "$(uname)" = Linux ]; then dev/need.sh valgrind openssl.pc; fi
}

build() { cargo test --workspace --tests --locked --no-run --quiet; }

# Names the tests' programs, so that running them does not wait for cargo's lock, which the lints beside them hold.
list_programs() {
    BIN=$(dirname "$(dev/venv.sh)")
    cargo metadata --locked --format-version=1 --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" >"$LOGS/metadata.json"
    dev/nextest.sh list --workspace --tests --locked --list-type binaries-only --message-format json >"$LOGS/programs.json"
}

tests() { dev/nextest.sh run --cargo-metadata "$LOGS/metadata.json" --binaries-metadata "$LOGS/programs.json"; }

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

# What needs no server.
static_checks() (
    set -e
    TIMES=
    static() {
        local name=$1 started=$SECONDS
        shift
        printf '\n--> %s\n' "$name"
        "$@" || { printf 'failed: %s\n' "$name" && exit 1; }
        TIMES+=$(printf '%5d s  %s' "$((SECONDS - started))" "$name")$'\n'
    }
    static "scripts: bash -n, shellcheck" scripts
    static "containers: hadolint, compose schema" containers
    static "benchmarks: tests" benchmarks
    static "lints" cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
    static "documentation" documentation
    static "instructions of an event" instructions
    static "dependencies: cargo-deny" dependencies
    printf '\n%s' "$TIMES"
)

CURRENT=start
trap on_exit EXIT
check "tools" tools
check "formatting" cargo fmt --all --check
beside dev/test-setup.sh
check "build" build
check "set-up, beside the build" finish
check "list of the tests' programs" list_programs
beside static_checks
check "tests" tests
check "lints, instructions, documentation, scripts, licences, beside the tests" finish
"$BIN/python" dev/test_report.py target/nextest/default/junit.xml
printf '\n%s' "$SUMMARY"
printf 'all checks passed in %d min %d s\n' "$((SECONDS / 60))" "$((SECONDS % 60))"
