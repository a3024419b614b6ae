#!/bin/sh
# Makes .venv ready: Python 3.11 or later and the project itself; with the word `dev`, also what it is tested with.
set -eu
cd "$(dirname "$0")/.."

. scripts/python.sh
candidates=${PYTHON:-python3 python3.11 python3.12 python3.13 /usr/bin/python3}

# Through -m, not through .venv/bin/pip: a script's first line breaks where the path is long or holds a space.
# On a terminal pip shows what it does; elsewhere it says what goes wrong and no more.
install() {
    quiet=--quiet
    if [ -t 2 ]; then quiet=; fi
    .venv/bin/python -m pip install $quiet --disable-pip-version-check --no-compile \
        --constraint .venv/constraints.txt "$@" >&2
}

# The versions that `make install` installs, too, so that what is tested is what is installed. Without their hashes:
# with them, pip would ask for those of everything else.
constraints() {
    sed -e 's/ *\\$//' -e '/^ *--hash=/d' packaging/lock.txt >.venv/constraints.txt
}

# What kernels are compiled with: of the packages that pyproject.toml names, so many.
compilers() {
    .venv/bin/python -c '
import re, tomllib
wanted = "numpy numba pyarrow pydantic structlog prometheus-client pyroute2 zstandard xxhash typer rich".split()
for line in tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]:
    if re.match("[a-z0-9-]+", line)[0] in wanted:
        print(line)'
}

if [ "${1-}" = dev ]; then
    echo "setup: installing what the project is tested with" >&2
    constraints
    install --editable '.[dev]'
    # Now, for warnings about other people's code are errors in tests, and come when it is compiled.
    .venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
    touch .venv/.ready
    exit
fi

# shellcheck disable=SC2086  # several
python=$(find_python $candidates)
if [ -z "$python" ]; then
    debian_venv setup
    # shellcheck disable=SC2086
    python=$(find_python $candidates)
fi
if [ -z "$python" ]; then
    echo "setup: no Python 3.11 or later with venv found; on Debian: apt-get install python3-venv" >&2
    exit 2
fi

echo "setup: making .venv with $("$python" --version)" >&2
"$python" -m venv --clear .venv
constraints
echo "setup: installing what kernels are compiled with, 1 of 2" >&2
compilers >.venv/compilers.txt
install --requirement .venv/compilers.txt
# Half a minute on one core, while pip installs the rest on another; nobody waits for its end. Whoever finds a kernel
# missing compiles it.
echo "setup: compiling for this processor, and installing the rest, 2 of 2" >&2
PYTHONPATH="$(pwd -P)/src" .venv/bin/python -m ims.process.warm_up stages \
    >/dev/null 2>&1 &
compiling=$!
trap 'kill "$compiling" 2>/dev/null; exit 130' HUP INT TERM # what is begun with & hears no Ctrl-C
if ! install --editable .; then
    kill "$compiling" 2>/dev/null || true
    exit 2
fi
pwd >.venv/.installed
