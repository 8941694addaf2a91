#!/usr/bin/env bash
# `make run`: sets up what is missing, then runs the release build on ./data until Ctrl-C or SIGTERM, which drains it and
# stops everything that was started here. A second start continues with the data of the first.
#
#   DATA    folder of all state             (./data)
#   LISTEN  where events are posted to      (what pageberg's configuration names, else 127.0.0.1:8080)
#   STATUS  metrics and status              (what pageberg's configuration names, else 127.0.0.1:8081)
#   GEO     city database files with spaces between, or `none`: by default what pageberg's configuration names, else
#           one fetched into DATA/geo
#   BINARY  a pageberg to run instead of building one
#
# Postgres is a private one in DATA/postgres, unless pageberg's configuration names one (POSTGRES_URL, say).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DATA=${DATA:-./data}
LISTEN=${LISTEN:-}
STATUS=${STATUS:-}
SCHEME=http
READY_SECONDS=120
PRIVATE_POSTGRES_PORT=5433
PAGEBERG_PID=
POSTGRES_STARTED=
OWNS_DATA=

say() { printf '%s\n' "$*" >&2; }
die() {
    say "make run: $*"
    exit 1
}

port_taken() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

check_address() {
    if port_taken "$2"; then die "port ${2##*:} is taken by another program; choose another one: make run $1=${2%:*}:PORT"; fi
}

# ---- what runs

command_of() { { tr '\0' ' ' <"/proc/$1/cmdline" || ps -o args= -p "$1"; } 2>/dev/null; }

# Two runs on one folder would stop each other's Postgres.
claim_data() {
    local other
    mkdir -p "$DATA"
    other=$(cat "$DATA/run.pid" 2>/dev/null || true)
    if [ -n "$other" ] && [ "$other" != $$ ] && command_of "$other" | grep -q 'run\.sh'; then
        die "process $other already runs on $DATA; choose another folder: make run DATA=FOLDER"
    fi
    echo $$ >"$DATA/run.pid"
    OWNS_DATA=yes
}

build() {
    [ -z "${BINARY:-}" ] || return 0
    say "building (the first time takes some ten minutes)"
    cargo build --release --locked --features vendored-openssl --bin pageberg
    BINARY=${CARGO_TARGET_DIR:-target}/release/pageberg
}

# Prints the value of key $2 of section $1 in pageberg's configuration, as TOML. Fails when it is a default: `pageberg config`
# prints where any other value comes from behind it.
configured() {
    awk -v section="[$1]" -v key="$2" \
        '/^\[/ { inside = $0 == section }
         inside && $1 == key && /  # / { sub(/^[^=]*= /, ""); sub(/  # .*/, ""); print; found = 1 }
         END { exit !found }' <<<"$CONFIG"
}

# Where to listen: what the caller says, else the configuration, else the default.
choose_addresses() {
    if configured gateway.tls cert_file >/dev/null; then SCHEME=https; fi
    if [ -n "$LISTEN" ]; then FLAGS+=(--listen "$LISTEN"); else LISTEN=$(configured gateway listen || echo 127.0.0.1:8080); fi
    if [ -n "$STATUS" ]; then FLAGS+=(--status "$STATUS"); else STATUS=$(configured status listen || echo 127.0.0.1:8081); fi
    LISTEN=${LISTEN//\"/} STATUS=${STATUS//\"/}
    check_address LISTEN "$LISTEN"
    check_address STATUS "$STATUS"
}

# Adds the private Postgres to the flags, unless another is configured.
start_postgres() {
    local port=0
    if configured postgres url >/dev/null; then return; fi
    if [ ! -f "$DATA/postgres/port" ] && ! port_taken "127.0.0.1:$PRIVATE_POSTGRES_PORT"; then port=$PRIVATE_POSTGRES_PORT; fi
    POSTGRES_STARTED=yes
    PRIVATE_URL=$(dev/postgres.sh start "$DATA/postgres" "$port")
    unset POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB
    FLAGS+=(--postgres "$PRIVATE_URL")
}

# Adds the city database to the flags; without any the run goes on and `geodata` stays empty.
add_geo() {
    local file files
    if [ "${GEO:-}" = none ]; then
        return
    elif [ -n "${GEO:-}" ]; then
        files=$(tr ' ' '\n' <<<"$GEO")
    elif configured geo files >/dev/null; then
        return
    else
        files=$(dev/geo.sh "$DATA/geo") || say "no city database: visitors get no place, geodata is {}"
    fi
    while read -r file; do
        if [ -n "$file" ]; then FLAGS+=(--geo "$file"); fi
    done <<<"$files"
}

# A process group of its own keeps the terminal's Ctrl-C from reaching pageberg beside the signal sent by on_signal.
start_pageberg() {
    set -m
    "$BINARY" serve "${FLAGS[@]}" </dev/null &
    PAGEBERG_PID=$!
    set +m
}

# The status server speaks HTTP also where the gateway speaks HTTPS.
is_ready() {
    local code
    (
        exec 3<>"/dev/tcp/${STATUS%:*}/${STATUS##*:}" || exit 1
        printf 'GET /health/ready HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$STATUS" >&3
        read -r -t 5 _ code _ <&3
        [ "$code" = 200 ]
    ) 2>/dev/null
}

wait_ready() {
    local deadline=$((SECONDS + READY_SECONDS))
    until is_ready; do
        kill -0 "$PAGEBERG_PID" 2>/dev/null || finish
        [ "$SECONDS" -lt "$deadline" ] || die "pageberg is not ready after $READY_SECONDS s"
        sleep 0.1
    done
}

# ---- the end

# Waits for pageberg and ends with its exit code.
finish() {
    local code=0
    wait "$PAGEBERG_PID" || code=$?
    PAGEBERG_PID=
    exit "$code"
}

# shellcheck disable=SC2329 # called by the trap
on_signal() {
    trap '' INT TERM HUP
    say ""
    say "stopping"
    [ -n "$PAGEBERG_PID" ] || exit 0
    kill -TERM "$PAGEBERG_PID" 2>/dev/null || true
    finish
}

# shellcheck disable=SC2329 # called by the trap
on_exit() {
    trap '' INT TERM HUP
    if [ -n "$PAGEBERG_PID" ] && kill -TERM "$PAGEBERG_PID" 2>/dev/null; then wait "$PAGEBERG_PID" || true; fi
    if [ -n "$POSTGRES_STARTED" ]; then dev/postgres.sh stop "$DATA/postgres" || true; fi
    if [ -n "$OWNS_DATA" ]; then rm -f "$DATA/run.pid"; fi
}

print_welcome() {
    local url=${PRIVATE_URL:-\$POSTGRES_URL} data=
    dev/need.sh psql || true
    [ "$DATA" = ./data ] || data="DATA=$DATA "
    cat <<EOF

pageberg is ready. Post page views to $SCHEME://$LISTEN/v1/events
Status: http://$STATUS/status    Metrics: http://$STATUS/metrics    Stop: Ctrl-C

  <script defer src="$SCHEME://${LISTEN/#0.0.0.0:/HOST:}/beacon.js"></script>    in your pages; see it work: $SCHEME://$LISTEN/demo

  curl -d '{"url": "https://example.org/hello", "user_agent": "curl", "ip": "8.8.8.8"}' $SCHEME://$LISTEN/v1/events

  psql "$url" -c "SELECT event_timestamp, url, geodata::json->>'country' AS country FROM processed_events ORDER BY 1 DESC LIMIT 10"

  ${data}dev/duckdb.sh "SELECT event_timestamp, url, geo.country FROM page_views ORDER BY 1 DESC LIMIT 10"

EOF
}

FLAGS=(--data "$DATA")
PRIVATE_URL=
trap on_signal INT TERM HUP
trap on_exit EXIT
[ -n "${BINARY:-}" ] || dev/need.sh cargo cc c++ make perl || die "install what is missing, then start again"
# Before the build, which takes long.
[ -z "$LISTEN" ] || check_address LISTEN "$LISTEN"
[ -z "$STATUS" ] || check_address STATUS "$STATUS"
claim_data
build
CONFIG=$("$BINARY" config)
choose_addresses
start_postgres
add_geo
start_pageberg
wait_ready
print_welcome
finish
