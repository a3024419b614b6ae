#!/usr/bin/env bash
# Ibis 12.0.0: a builtin scalar function whose parameter is called `name` can be made and called, but its call breaks as soon as its own name is looked
# up where it stands within another expression: "TypeError: sequence item 0: expected str instance, Field found". Ibis makes a class with a field for each
# parameter, and a node's name is joined from its arguments' `.name`, which for such a call is the argument itself. The same function with its parameter
# called anything else works, and compiles to the same SQL as intended. So don't copy a SQL function's documented parameter `name` into the declaration.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check 'ibis-framework[duckdb]==12.0.0'
cat >try.py <<'PY'
import ibis

print("ibis", ibis.__version__)


@ibis.udf.scalar.builtin(name="list_position")
def by_name(names: ibis.dtype("array<string>"), name: str) -> int:
    """The parameter is called `name`."""


@ibis.udf.scalar.builtin(name="list_position")
def by_value(names: ibis.dtype("array<string>"), value: str) -> int:
    """The same function; its parameter is called `value`."""


blocks = ibis.table({"names": "array<string>", "block": "string"}, name="blocks")
assert "LIST_POSITION" in ibis.to_sql(blocks.select(place=by_value(blocks.names, blocks.block) * 8), dialect="duckdb")
print("value:", str(ibis.to_sql(blocks.select(place=by_value(blocks.names, blocks.block) * 8), dialect="duckdb")).split())
try:
    blocks.select(place=by_name(blocks.names, blocks.block) * 8)
except TypeError as error:
    print("name: TypeError:", error)
    assert str(error) == "sequence item 0: expected str instance, Field found", error
else:
    raise SystemExit("a parameter called name works now")
PY
env/bin/python try.py
