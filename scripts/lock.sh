#!/bin/sh
# Writes packaging/lock.txt: the newest versions of what ims needs, and of what its wheel is built with, that
# pyproject.toml allows beside what it is tested with; exact, with hashes, for Python 3.11 and later. The index is PyPI or
# what UV_INDEX_URL says; settings of pip aren't heeded, so that nothing of this machine gets into it.
set -eu
cd "$(dirname "$0")/.."
. scripts/python.sh
# shellcheck disable=SC2086  # several
python=$(find_python ${PYTHON:-python3 python3.11 python3.12 python3.13 /usr/bin/python3})
if [ -z "$python" ]; then
    echo "lock: no Python 3.11 or later with venv found" >&2
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM
"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'
"$folder/venv/bin/python" -c '
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' >"$folder/build.in"

# newest FILE WORD...: resolved for all Pythons and Linux.
newest() {
    out=$1
    shift
    "$folder/venv/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --no-header --no-annotate \
        --output-file "$out" pyproject.toml "$folder/build.in" "$@"
}
newest "$folder/all.txt" --extra dev --extra spark
newest "$folder/lock.txt" --constraints "$folder/all.txt" --generate-hashes
{
    echo "# Exact versions of all that ims needs, with hashes: what is tested and what \`make install\` installs."
    echo "# Written by \`make lock\`, from pyproject.toml."
    cat "$folder/lock.txt"
} >packaging/lock.txt.new
mv packaging/lock.txt.new packaging/lock.txt
echo "packaging/lock.txt: $(grep -c == packaging/lock.txt) packages" >&2
