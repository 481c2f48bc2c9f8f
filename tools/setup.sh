#!/bin/sh
# Makes .venv from a hash-pinned lock and installs Windlass into it, editable.
#   setup.sh runtime   what Windlass and its demo need
#   setup.sh test      that, and what the tests need
# Does nothing, within milliseconds, when all is as it should be.
set -eu
cd "$(dirname "$0")/.."

lock=${1:?"usage: setup.sh runtime|test"}
stamp=.venv/windlass-$lock
# While this file is there, an earlier run did not finish and .venv is worth nothing.
unfinished=.venv/windlass-unfinished

main() {
    up_to_date && return
    mkdir -p .cache || fail "cannot write to $PWD"
    exec 9>.cache/setup.lock
    if command -v flock >/dev/null; then flock 9; fi
    up_to_date && return

    if [ -e "$unfinished" ] || ! venv_fits; then make_venv; fi
    : >"$unfinished"
    say "installing what requirements/$lock.lock pins into .venv (the first time takes a minute)"
    install_packages
    describe >"$stamp"
    rm -f "$unfinished"
}

up_to_date() {
    [ -e "$stamp" ] && [ ! -e "$unfinished" ] && venv_fits && describe | cmp -s - "$stamp"
}

describe() {
    sha256sum "requirements/$lock.lock" pyproject.toml
}

# Whether .venv works here and is of the interpreter that is asked for, if one is. It does not work
# where its clone was moved to, whose old path is in its scripts, nor with another python3.N that an
# upgrade of the system put behind its link.
venv_fits() {
    [ -x .venv/bin/python ] && [ -e .venv/windlass-origin ] || return 1
    { read -r place && read -r made_with && read -r real_path; } <.venv/windlass-origin
    [ "$place" = "$PWD" ] && [ "$(readlink -f .venv/bin/python)" = "$real_path" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(command -v "$PYTHON")" = "$made_with" ]
}

make_venv() {
    choose_python
    say "making .venv with $python"
    rm -rf .venv
    mkdir .venv || fail "cannot write to $PWD"
    : >"$unfinished"
    "$python" -m venv .venv || fail "$python could not make a virtual environment"
    { echo "$PWD" && command -v "$python" && readlink -f .venv/bin/python; } >.venv/windlass-origin
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
    elif [ "$(id -u)" = 0 ] && problem_of /usr/bin/python3 >/dev/null; then
        python=/usr/bin/python3
    else
        python=python3
    fi
    problem=$(problem_of "$python") || fail "$problem"
}

# Prints why an interpreter cannot be used and fails, or succeeds.
problem_of() {
    if ! command -v "$1" >/dev/null; then
        echo "there is no $1 here; install Python 3.11 or newer, or name one with PYTHON=…"
    elif ! "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$1 is $("$1" --version 2>&1), but 3.11 or newer is needed; name another with PYTHON=…"
    elif ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$1 lacks the venv module; on Debian and Ubuntu: apt-get install python3-venv"
    else
        return 0
    fi
    return 1
}

install_packages() {
    pip_install --require-hashes --no-deps -r "requirements/$lock.lock" || fail \
        "pip could not install requirements/$lock.lock and says why above. It needs a package" \
        "index that answers (pip config, PIP_INDEX_URL and HTTPS_PROXY name it); then run this again."
    # On all processors, which pip would not; and not what packages test themselves with. What cannot
    # be compiled is nothing that would be imported.
    .venv/bin/python -I -m compileall -qq -j 0 -x 'site-packages/.*/tests/' .venv/lib &
    compiling=$!
    pip_install --no-deps --no-build-isolation --editable . || fail "Windlass did not install"
    wait "$compiling" || true
}

pip_install() {
    .venv/bin/python -I -m pip --disable-pip-version-check install --quiet --no-compile "$@"
}

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

main
