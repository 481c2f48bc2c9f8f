#!/bin/sh
# What the tests need beyond Windlass: their packages, two versions of the vendor's client, each in
# a folder of its own, and, where this is root, PostgreSQL. Does nothing that is already done.
set -eu
cd "$(dirname "$0")/.."

main() {
    tools/setup.sh test
    for lock in requirements/runapy-*.lock; do
        install_beside "$(basename "$lock" .lock)" "$lock"
    done
    if [ "$(id -u)" = 0 ] && ! postgresql_is_there; then install_postgresql; fi
}

# Into .cache/NAME, which tests put on the path of the processes that need it.
install_beside() {
    target=.cache/$1
    wanted=$(cat .venv/windlass-origin && sha256sum "$2")
    [ "$(cat "$target/installed" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing $1 into $target"
    rm -rf "$target"
    .venv/bin/python -I -m pip --disable-pip-version-check install --quiet \
        --require-hashes --no-deps --target "$target" -r "$2"
    echo "$wanted" >"$target/installed"
}

postgresql_is_there() {
    command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

install_postgresql() {
    if ! command -v apt-get >/dev/null; then
        say "PostgreSQL is not installed, and there is no apt-get to install it with"
        return
    fi
    say "installing PostgreSQL with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}

say() { echo "setup: $*"; }

main
