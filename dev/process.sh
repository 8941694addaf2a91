# Processes and ports, for the scripts that run a server of their own; sourced by them.
# shellcheck shell=bash

STOP_SECONDS=60

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$(basename "$0"): $*"
    exit 1
}

alive() {
    if [ -d /proc/self ]; then
        [ -r "/proc/$1/status" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
    else
        kill -0 "$1" 2>/dev/null
    fi
}

command_of() {
    if [ -d /proc/self ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -o args= -p "$1"; fi 2>/dev/null
}

children_of() {
    if [ -d /proc/self ]; then
        { grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status || true; } | cut -d/ -f3
    else
        ps -A -o pid=,ppid= | awk -v parent="$1" '$2 == parent { print $1 }'
    fi
}

# Waits until the processes are gone.
wait_gone() {
    local deadline=$((SECONDS + STOP_SECONDS)) pid
    for pid in "$@"; do
        while alive "$pid"; do
            [ "$SECONDS" -lt "$deadline" ] || die "process $pid has not ended within $STOP_SECONDS s"
            sleep 0.05
        done
    done
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Prints a free port below the ephemeral range.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); do
        if ! port_taken "$port"; then break; fi
    done
    echo "$port"
}
