#!/bin/sh
# Makes .venv ready: Python 3.11 or later, the project itself, and everything it is built and tested with.
set -eu

find_python() {
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 /usr/bin/python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
            >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

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

echo "setup: making .venv with $("$python" --version), a minute or two" >&2
"$python" -m venv --clear .venv
# Through -m, not through .venv/bin/pip: a script's first line breaks where the path is long or holds a space.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
touch .venv/.ready
