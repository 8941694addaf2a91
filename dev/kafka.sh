#!/usr/bin/env bash
# A private Apache Kafka in a folder of its own, for the tests: one node, broker and controller at once (KRaft),
# reachable from 127.0.0.1 alone.
#
#   dev/kafka.sh fetch                    fetches the jars into .cache (PAGEBERG_CACHE) once, and prints their folder
#   dev/kafka.sh start DIR PORT [--tls]   starts it (PORT 0: a free one, remembered) and prints 127.0.0.1:PORT, alone, on
#                                         stdout, once it answers. PORT,CONTROLLER[,SASL_SSL,SSL] names all its ports.
#   dev/kafka.sh stop DIR                 orderly shutdown
#   dev/kafka.sh kill DIR                 SIGKILL: the crash that a test wants
#   dev/kafka.sh remove DIR               kills it and deletes its data
#
# --tls, when DIR is new, adds two listeners, whose addresses are in DIR/sasl-ssl and DIR/mutual-tls:
#   SASL_SSL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512): user `pageberg`, password `pageberg-secret`
#   SSL that demands a client certificate
# and the files in DIR/tls: ca.pem, client.pem with client.key (its password: `client-secret`), and stranger.pem with
# stranger.key, which the authority has not signed. Certificates hold for 127.0.0.1 and not for localhost.
#
# It needs Java 17 or newer (JAVA_HOME, else `java`); fetching needs Maven.
set -euo pipefail
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=dev/process.sh
. "$PROJECT/dev/process.sh"

VERSION=4.1.1
OLDEST_JAVA=17
START_SECONDS=120
SASL_USER=pageberg
SASL_PASSWORD=pageberg-secret
KEY_PASSWORD="client-secret"

# ---- what it runs on

# Sets JAVA to a Java that is new enough.
find_java() {
    local major
    JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
    command -v "$JAVA" >/dev/null || { "$PROJECT/dev/need.sh" java || die "Kafka needs Java $OLDEST_JAVA or newer"; }
    major=$("$JAVA" -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p')
    [ "${major:-0}" -ge "$OLDEST_JAVA" ] || die "$JAVA is Java ${major:-of no known version}: Kafka needs $OLDEST_JAVA or newer (set JAVA_HOME)"
}

# Sets JARS to the folder of the jars, fetching them the first time.
fetch() {
    local cache=${PAGEBERG_CACHE:-$PROJECT/.cache} unpack
    JARS=$cache/kafka-$VERSION
    [ ! -d "$JARS" ] || return 0
    "$PROJECT/dev/need.sh" mvn || die "the jars of Kafka come by Maven"
    say "fetching Kafka $VERSION (43 MB, once)"
    mkdir -p "$cache"
    unpack=$(mktemp -d "$cache/unpack.XXXXXX")
    mvn -q -B -C -f "$PROJECT/dev/kafka/pom.xml" dependency:copy-dependencies -Dkafka.version="$VERSION" \
        -DoutputDirectory="$unpack/jars" >&2 || { rm -rf "$unpack" && die "Maven failed to fetch Kafka $VERSION"; }
    [ -d "$JARS" ] || mv "$unpack/jars" "$JARS"
    rm -rf "$unpack"
}

# ---- certificates

# sign NAME EXTENSIONS: makes NAME.key and NAME.pem, signed by the authority, in the current folder.
sign() {
    openssl req -new "${NEW_KEY[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile <(echo "$2") -out "$1.pem"
}

create_certificates() (
    NEW_KEY=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    mkdir -p "$DIR/tls"
    cd "$DIR/tls"
    openssl req -x509 "${NEW_KEY[@]}" -keyout ca.key -out ca.pem -subj "/CN=test authority" -days 3650
    openssl req -x509 "${NEW_KEY[@]}" -keyout stranger.key -out stranger.pem -subj "/CN=stranger" -days 3650
    sign server "subjectAltName=IP:127.0.0.1"
    sign client "extendedKeyUsage=clientAuth"
    cat server.key server.pem >server-with-key.pem
    openssl pkcs8 -topk8 -in client.key -passout "pass:$KEY_PASSWORD" -out client.locked
    mv client.locked client.key
)

# ---- data

# Prints the settings of a node on the ports $1; with `--tls` as $2 also those of the listeners with TLS. A port that is not
# named is a free one.
settings() {
    local client controller sasl mutual secure=
    IFS=, read -r client controller sasl mutual <<<"$1"
    controller=127.0.0.1:${controller:-$(free_port)}
    if [ "$2" = --tls ]; then
        secure=",SASL_SSL://$(tee "$DIR/sasl-ssl" <<<"127.0.0.1:${sasl:-$(free_port)}")"
        secure+=",SSL://$(tee "$DIR/mutual-tls" <<<"127.0.0.1:${mutual:-$(free_port)}")"
    fi
    cat "$PROJECT/dev/kafka/server.properties"
    echo "controller.quorum.bootstrap.servers=$controller"
    echo "listeners=PLAINTEXT://127.0.0.1:$client,CONTROLLER://$controller$secure"
    echo "log.dirs=$DIR/data"
    if [ "$2" = --tls ]; then
        sed -e "s#@TLS@#$DIR/tls#" -e "s#@USER@#$SASL_USER#" -e "s#@PASSWORD@#$SASL_PASSWORD#" "$PROJECT/dev/kafka/tls.properties"
    fi
}

# Makes the data of a new node. The settings get their name last: an interrupted attempt leaves nothing that looks whole.
create_data() {
    local id scram=()
    rm -rf "$DIR/data" "$DIR/tls"
    if [ "$2" = --tls ]; then
        "$PROJECT/dev/need.sh" openssl || die "certificates are made with openssl"
        create_certificates >"$DIR/format.log" 2>&1 || { cat "$DIR/format.log" >&2 && die "openssl failed"; }
        scram=(--add-scram "SCRAM-SHA-256=[name=$SASL_USER,password=$SASL_PASSWORD]"
            --add-scram "SCRAM-SHA-512=[name=$SASL_USER,password=$SASL_PASSWORD]")
    fi
    settings "$1" "$2" >"$DIR/new.properties"
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | cut -c 1-22)
    "$JAVA" -Xmx128m -XX:TieredStopAtLevel=1 -cp "$JARS/*" kafka.tools.StorageTool format --standalone -t "$id" \
        -c "$DIR/new.properties" ${scram[@]+"${scram[@]}"} >"$DIR/format.log" 2>&1 ||
        { cat "$DIR/format.log" >&2 && die "Kafka's storage tool failed"; }
    mv "$DIR/new.properties" "$DIR/server.properties"
}

port() { sed -nE 's#^listeners=PLAINTEXT://127.0.0.1:([0-9]+).*#\1#p' "$DIR/server.properties"; }

# ---- processes

# Prints the process id of the broker on this data; a pid file left by a crash counts for nothing.
running_pid() {
    local pid
    pid=$(cat "$DIR/broker.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && alive "$pid" && command_of "$pid" | grep -qF -- "$DIR/server.properties" && echo "$pid"
}

launch() {
    mv -f "$DIR/server.log" "$DIR/server.log.before" 2>/dev/null || true
    nohup "$JAVA" -Xms128m -Xmx512m -XX:+UseParallelGC -Dlog4j2.configurationFile="$PROJECT/dev/kafka/log4j2.properties" \
        -cp "$JARS/*" kafka.Kafka "$DIR/server.properties" </dev/null >"$DIR/server.log" 2>&1 &
    echo $! >"$DIR/broker.pid"
}

# Waits until the broker answers; ends with 1 when it has ended instead.
wait_ready() {
    local deadline=$((SECONDS + START_SECONDS)) pid
    pid=$(cat "$DIR/broker.pid")
    until grep -qs 'Kafka Server started' "$DIR/server.log"; do
        alive "$pid" || return 1
        [ "$SECONDS" -lt "$deadline" ] || die "Kafka in $DIR does not answer after $START_SECONDS s"
        sleep 0.05
    done
}

# ---- verbs

locate() { DIR=$(cd "$1" && pwd -P) || die "cannot enter $1"; }

# New data on port $1, which is taken by nobody; what was there is replaced.
create() {
    local port=$1
    if [ "$port" = 0 ]; then port=$(free_port); fi
    create_data "$port" "$2"
}

start() {
    local attempt new=
    mkdir -p "$1"
    locate "$1"
    if ! running_pid >/dev/null; then
        find_java
        fetch
        [ "$2" = 0 ] || ! port_taken "${2%%,*}" || die "port ${2%%,*} is taken by another program: choose another one"
        if [ ! -f "$DIR/server.properties" ]; then
            new=yes
            create "$2" "$3"
        elif [ "$2" != 0 ]; then
            sed -E "s#^listeners=PLAINTEXT://127.0.0.1:[0-9]+#listeners=PLAINTEXT://127.0.0.1:${2%%,*}#" \
                "$DIR/server.properties" >"$DIR/new.properties"
            mv "$DIR/new.properties" "$DIR/server.properties"
        fi
        for attempt in 1 2 3; do
            launch
            if wait_ready; then break; fi
            # Another program can take a free port before Kafka does; any other failure is final.
            if [ -z "$new" ] || [ "$attempt" = 3 ] || ! grep -q 'BindException' "$DIR/server.log"; then
                tail -n 20 "$DIR/server.log" >&2
                die "Kafka in $DIR did not start"
            fi
            create "$2" "$3"
        done
        if [ -f "$DIR/sasl-ssl" ]; then
            say "SASL_SSL on $(cat "$DIR/sasl-ssl"), mutual TLS on $(cat "$DIR/mutual-tls"), certificates in $DIR/tls"
        fi
    fi
    wait_ready
    echo "127.0.0.1:$(port)"
}

# Sends signal $2 to the broker in $1, if it runs, and waits for its end.
end() {
    local pid
    [ -d "$1" ] || return 0
    locate "$1"
    pid=$(running_pid) || return 0
    kill "-$2" "$pid"
    wait_gone "$pid"
}

# Deletes only what `start` made in DIR, then DIR itself if nothing else is left in it.
remove() {
    end "$1" KILL
    [ -d "$1" ] || return 0
    rm -rf "$DIR/data" "$DIR/tls" "$DIR"/{broker.pid,server.properties,new.properties,sasl-ssl,mutual-tls} \
        "$DIR"/{format.log,server.log,server.log.before}
    rmdir "$DIR" 2>/dev/null || true
}

case "${1:-} $#" in
    'fetch 1')
        find_java
        fetch
        echo "$JARS"
        ;;
    'start 3') start "$2" "$3" '' ;;
    'start 4')
        [ "$4" = --tls ] || die "unknown argument $4"
        start "$2" "$3" "$4"
        ;;
    'stop 2') end "$2" TERM ;;
    'kill 2')
        locate "$2"
        running_pid >/dev/null || die "no Kafka runs in $DIR"
        end "$2" KILL
        ;;
    'remove 2') remove "$2" ;;
    *)
        sed -n '/^#   dev/s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
