#!/usr/bin/env bash
# DuckDB 2.0.1 (PyPI) inside of a Jupyter kernel (ipykernel 7.4.0) whose environment has no ipywidgets: the progress bar can't be turned OFF. "SET
# enable_progress_bar = false" raises InvalidInputException, "Could not change the progress bar setting because: required package 'ipywidgets' is missing,
# which is needed to render progress bars in Jupyter", as turning it on does, and as enable_progress_bar_print does. The setting is false already, which
# duckdb_settings() says; so a library that turns it off to be sure works everywhere but in such notebooks. As an option of connect() it is refused
# everywhere ("Could not set option "enable_progress_bar" as a global option"). In plain Python of the same environment SET works. Where the bar is off,
# leave it alone.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.1 ipykernel==7.4.0 nbclient==0.11.0 nbformat==5.11.1
cat > asked.py <<'PY'
import duckdb

OFF, ON, PRINT = "SET enable_progress_bar = false", "SET enable_progress_bar = true", "SET enable_progress_bar_print = false"
IS_ON = "SELECT value FROM duckdb_settings() WHERE name = 'enable_progress_bar'"


def tried(connection, sql):
    try:
        return str(connection.execute(sql).fetchall())
    except duckdb.Error as error:
        return "needs ipywidgets" if "'ipywidgets' is missing" in str(error) else f"{type(error).__name__}: {error}"


for sql in (IS_ON, OFF, ON, PRINT):
    print(tried(duckdb.connect(), sql))
try:
    duckdb.connect(config={"enable_progress_bar": False})
    print("an option")
except duckdb.Error as error:
    print("no option" if "as a global option" in str(error) else error)
PY
cat > run.py <<'PY'
import pathlib
import subprocess
import sys

import duckdb
import nbformat
from nbclient import NotebookClient

source = pathlib.Path("asked.py").read_text()
plain = subprocess.run([sys.executable, "asked.py"], capture_output=True, text=True, check=True).stdout.splitlines()
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
NotebookClient(notebook, kernel_name="python3").execute()
kernel = "".join(output.get("text", "") for output in notebook.cells[0].outputs).splitlines()
NEEDS = "needs ipywidgets"
changed = False
print("duckdb", duckdb.__version__)
asked = ("is it on?", "turn it off", "turn it on", "print none", "off as an option of connect()")
for what, one, other, then in zip(
    asked, plain, kernel,
    (("[('false',)]", "[('false',)]"), ("[]", NEEDS), ("[]", NEEDS), ("[]", NEEDS), ("no option", "no option")), strict=True,
):
    same = (one, other) == then
    changed |= not same
    print(f"{'seen' if same else 'changed'}: {what}: plain Python {one}, kernel {other}" + ("" if same else f"; was {then}"))
sys.exit(changed)
PY
env/bin/python run.py 2> /dev/null
