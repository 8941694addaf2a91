#!/usr/bin/env bash
# `make psql`: opens psql on POSTGRES_URL, else on the private Postgres of `make run` (DATA), else on that of `make up`.
# Arguments go to psql.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

URL=${POSTGRES_URL:-$(dev/postgres.sh url "${DATA:-./data}/postgres" 2>/dev/null || true)}
if [ -z "$URL" ]; then
    # shellcheck disable=SC2016 # the container's variables
    exec docker compose exec postgres sh -c 'exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"' psql "$@"
fi
dev/need.sh psql
exec psql "${URL#jdbc:}" "$@"
