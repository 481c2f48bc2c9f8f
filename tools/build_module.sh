#!/bin/sh
# Builds what runs inside Envoy, for each kind of machine, into src/windlass/gateway/envoy_module. The
# results are kept in the repository: who runs Windlass needs no compiler. Each build of the same
# sources by the pinned compiler gives the same bytes; `build_module.sh DIRECTORY` builds elsewhere.
set -eu
cd "$(dirname "$0")/.."
sources=src/windlass/gateway/envoy_module
target=$(realpath -m "${1:-$sources}")
compiler=.cache/module

main() {
    install_compiler
    for machine in x86_64 aarch64; do
        mkdir -p "$target/$machine"
        build "$machine" "$target/$machine/libwindlass.so"
    done
    # By which a test finds a result that is older than its sources.
    (cd "$sources" && sha256sum -- *.c *.h) >"$target/sources.sha256"
}

install_compiler() {
    wanted=$(sha256sum requirements/module.lock)
    [ "$(cat "$compiler/installed" 2>/dev/null)" != "$wanted" ] || return 0
    echo "setup: installing a compiler into $compiler"
    rm -rf "$compiler"
    .venv/bin/python -I -m pip --disable-pip-version-check install --quiet --no-compile \
        --require-hashes --no-deps --target "$compiler" -r requirements/module.lock
    echo "$wanted" >"$compiler/installed"
}

# Against a C library that is old enough for every system that Envoy runs on. What Envoy itself brings
# is found when it is first called.
build() {
    (
        cd "$sources"
        PYTHONPATH=$OLDPWD/$compiler "$OLDPWD/.venv/bin/python" -m ziglang cc \
            -target "$1-linux-gnu.2.28" -std=gnu11 -Wall -Wextra -Werror -O2 -s \
            -fPIC -shared -fvisibility=hidden -Wl,-z,lazy -pthread \
            -o "$2" *.c -lm
    )
}

main
