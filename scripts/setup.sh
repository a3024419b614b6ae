#!/bin/sh
# Makes .venv ready: Python 3.11 or later and the project itself; with the word `dev`, also what it is tested with.
set -eu
cd "$(dirname "$0")/.."

find_python() {
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 /usr/bin/python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
            >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

# Through -m, not through .venv/bin/pip: a script's first line breaks where the path is long or holds a space.
# On a terminal pip shows what it does; elsewhere it says what goes wrong and no more.
install() {
    quiet=--quiet
    if [ -t 2 ]; then quiet=; fi
    .venv/bin/python -m pip install $quiet --disable-pip-version-check --no-compile --editable "$1" >&2
}

if [ "${1-}" = dev ]; then
    echo "setup: installing what the project is tested with" >&2
    install '.[dev]'
    touch .venv/.ready
    exit
fi

python=$(find_python)
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing Debian's python3-venv" >&2
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "setup: no Python 3.11 or later with venv found; on Debian: apt-get install python3-venv" >&2
    exit 2
fi

echo "setup: making .venv with $("$python" --version)" >&2
"$python" -m venv --clear .venv
echo "setup: installing the project and the 50 packages it is built on, about 600 MB, half a minute" >&2
install .
pwd >.venv/.installed
