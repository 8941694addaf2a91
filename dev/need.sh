#!/usr/bin/env bash
# dev/need.sh TOOL…: ends with 1 when one of the tools is missing, after naming each with the command that installs it.
set -euo pipefail

# Prints the name of this machine's package manager.
manager() {
    local name
    for name in apt-get dnf brew; do
        if command -v "$name" >/dev/null; then
            echo "$name"
            return
        fi
    done
}

# Prints the command that installs tool $1 with package manager $2.
how_to_install() {
    case "$1 $2" in
        'cargo '*) echo "curl https://sh.rustup.rs -sSf | sh" ;;
        'chromium apt-get') echo "sudo apt-get install -y chromium" ;;
        'chromium dnf') echo "sudo dnf install -y chromium" ;;
        'chromium brew') echo "brew install --cask chromium" ;;
        'npm apt-get') echo "sudo apt-get install -y npm" ;;
        'npm dnf') echo "sudo dnf install -y nodejs-npm" ;;
        'npm brew') echo "brew install node" ;;
        'pgbouncer apt-get') echo "sudo apt-get install -y pgbouncer" ;;
        'pgbouncer dnf') echo "sudo dnf install -y pgbouncer" ;;
        'pgbouncer brew') echo "brew install pgbouncer" ;;
        'psql apt-get') echo "sudo apt-get install -y postgresql-client" ;;
        'psql dnf') echo "sudo dnf install -y postgresql" ;;
        'psql brew') echo "brew install libpq && brew link --force libpq" ;;
        'postgres apt-get') echo "sudo apt-get install -y postgresql" ;;
        'postgres dnf') echo "sudo dnf install -y postgresql-server" ;;
        'postgres brew') echo "brew install postgresql@17" ;;
        'python3 apt-get') echo "sudo apt-get install -y python3-venv" ;;
        'python3 dnf') echo "sudo dnf install -y python3" ;;
        'python3 brew') echo "brew install python" ;;
        'java apt-get') echo "sudo apt-get install -y default-jre-headless" ;;
        'java dnf') echo "sudo dnf install -y java-latest-openjdk-headless" ;;
        'java brew') echo "brew install openjdk && export JAVA_HOME=\"\$(brew --prefix openjdk)\"" ;;
        'mvn apt-get') echo "sudo apt-get install -y maven" ;;
        'mvn dnf') echo "sudo dnf install -y maven" ;;
        'mvn brew') echo "brew install maven" ;;
        'openssl apt-get' | 'perl apt-get' | 'valgrind apt-get' | 'wrk apt-get') echo "sudo apt-get install -y $1" ;;
        'openssl dnf' | 'perl dnf' | 'valgrind dnf') echo "sudo dnf install -y $1" ;;
        'openssl brew' | 'perl brew' | 'wrk brew') echo "brew install $1" ;;
        'openssl.pc apt-get') echo "sudo apt-get install -y libssl-dev pkg-config" ;;
        'openssl.pc dnf') echo "sudo dnf install -y openssl-devel pkgconf" ;;
        'cc apt-get' | 'c++ apt-get' | 'make apt-get') echo "sudo apt-get install -y build-essential" ;;
        'cc dnf' | 'c++ dnf' | 'make dnf') echo "sudo dnf install -y gcc gcc-c++ make" ;;
        'cc brew' | 'c++ brew' | 'make brew') echo "xcode-select --install" ;;
        *) echo "the system's package manager" ;;
    esac
}

# Whether tool $1 is there: a command, or a C library by the name of its pkg-config file.
is_there() {
    case "$1" in
        *.pc) pkg-config --exists "${1%.pc}" 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

code=0
for tool in "$@"; do
    if ! is_there "$tool"; then
        echo "missing: $tool. Install it with: $(how_to_install "$tool" "$(manager)")" >&2
        code=1
    fi
done
exit $code
