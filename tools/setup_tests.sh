#!/bin/sh
# What the tests need beyond Windlass: their packages, two versions of the vendor's client, each in
# a folder of its own, and, where this is root, PostgreSQL, Podman, Docker and a registry. Does nothing
# that is already done.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

main() {
    # The longest of all where it has anything to do.
    install_of_the_machine &
    machine=$!
    tools/setup.sh test || { wait "$machine"; exit 1; }
    started=
    for lock in requirements/runapy-*.lock; do
        install_beside "$(basename "$lock" .lock)" "$lock" &
        started="$started $!"
    done
    for each in $started "$machine"; do wait "$each"; done
    # Tests start the platform and the clients many times. Where PYTHONDONTWRITEBYTECODE is set, as in
    # containers it often is, each start would else compile all of it anew.
    .venv/bin/python -m compileall -q -j 0 src .cache/runapy-*
}

# Into .cache/NAME, which tests put on the path of the processes that need it.
install_beside() {
    target=.cache/$1
    wanted=$(cat .venv/windlass-origin && sha256sum "$2")
    [ "$(cat "$target/installed" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing $1 into $target"
    rm -rf "$target"
    .venv/bin/python -I -m pip --disable-pip-version-check install --quiet --no-compile \
        --require-hashes --no-deps --target "$target" -r "$2"
    echo "$wanted" >"$target/installed"
}

install_of_the_machine() {
    [ "$(id -u)" = 0 ] || return 0
    postgresql_is_there || install PostgreSQL postgresql
    podman_is_there || install "Podman and a registry" podman runc netavark aardvark-dns iptables \
        busybox-static docker-registry
    docker_is_there || install_without_service Docker \
        docker.io containerd runc iproute2 busybox-static
}

postgresql_is_there() {
    command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

podman_is_there() {
    command -v podman >/dev/null && command -v runc >/dev/null && [ -x /bin/busybox ] &&
        command -v docker-registry >/dev/null
}

docker_is_there() {
    command -v dockerd >/dev/null && command -v docker >/dev/null &&
        command -v containerd >/dev/null && command -v runc >/dev/null && command -v ip >/dev/null
}

# Docker's package would start it, and it would change the machine's packet filter. What forbids that
# is Debian's: invoke-rc.d(8). Where the machine has a rule of its own, that holds.
install_without_service() {
    rule=/usr/sbin/policy-rc.d
    if [ -d "${rule%/*}" ] && [ ! -e "$rule" ]; then
        trap 'rm -f "$rule"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$rule"
        chmod 755 "$rule"
    fi
    install "$@"
}

# The first word says what, the others are Debian's packages.
install() {
    what=$1
    shift
    if ! command -v apt-get >/dev/null; then
        say "$what is not installed, and there is no apt-get to install it with"
        return
    fi
    say "installing $what with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Services that packages would start belong to the machine, not to its tests.
    apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@" >/dev/null
}

say() { echo "setup: $*"; }

main
