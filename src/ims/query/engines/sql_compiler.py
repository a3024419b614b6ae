"""SQL for DuckDB, or for Spark, from Ibis' expressions, without Ibis' compilers for other engines.

`ibis.backends.sql.compilers` imports those of nineteen more engines: 0.08 s of an answer that takes a second. Here the
package is entered without being run; it is run when another of its compilers is used.

Ibis caches which expressions are equal by their `id`, for all threads, and forgets those that are gone; two threads at
once may leave an `id` that is then another expression's. So nothing is cached here: three filters of 60 terms and four
questions take 153 ms to compile with the cache, 159 ms without.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any
from typing import Literal as OneOf

import ibis
from ibis.common.bases import Comparable
from ibis.config import Config
from ibis.expr.operations import Literal

from ims.query.errors import QuestionError
from ims.query.language.filter import LONGEST

PACKAGE = "ibis.backends.sql.compilers"
SIMPLER = "ask with a simpler filter"


class _Forgetting(dict[int, dict[int, bool]]):
    """A cache that is always empty."""

    def setdefault(self, key: int, default: Any = None) -> dict[int, bool]:
        """Keeps nothing."""
        return {}


Comparable.__cache__ = _Forgetting()


MOST_OCTETS = 256 << 10
"""Of SQL for an engine: so much takes Ibis 1.2 s of processor time and 120 MB, and DuckDB 1.1 s before it begins."""
OCTETS_LISTED = 96
"""Of a listed value, at most: 16 octets are escaped one by one."""


class PySparkOptions(Config):  # type: ignore[misc]  # Ibis has no types
    """What Ibis' compiler for Spark looks up at numbers with a fraction; Ibis has it in a backend that we don't use."""

    treat_nan_as_null: bool = False


def to_sql(expression: Any, dialect: OneOf["duckdb", "pyspark"] = "duckdb") -> str:
    """An engine's SQL for an Ibis expression; PySpark isn't needed. Raises ValueError where it is too deep for the
    compiler, or longer than MOST_OCTETS without the program's own lists (hidden sources, chosen values)."""
    if f"{PACKAGE}.{dialect}" not in sys.modules:
        if PACKAGE not in sys.modules:
            _enter_unrun(PACKAGE)
        importlib.import_module(f"{PACKAGE}.{dialect}")
    if dialect == "pyspark" and ibis.options.pyspark is None:
        ibis.options.pyspark = PySparkOptions()
    try:
        sql = str(ibis.to_sql(expression, dialect=dialect, pretty=False))
    except RecursionError:
        raise QuestionError(f"the question is nested too deep; {SIMPLER}") from None
    if len(sql) > MOST_OCTETS and len(sql) > MOST_OCTETS + OCTETS_LISTED * _listed(expression):
        raise QuestionError(f"the question is {len(sql):,} octets of SQL; at most {MOST_OCTETS:,} are run; {SIMPLER}")
    return sql


def _listed(expression: Any) -> int:
    """How many values are in arrays, and in texts longer than a filter may be (hidden_sources.py)."""
    lists = expression.op().find(Literal)
    texts = sum(one.value.count(",") for one in lists if isinstance(one.value, str) and len(one.value) > LONGEST)
    return texts + sum(len(one.value) for one in lists if isinstance(one.value, tuple))


def _enter_unrun(name: str) -> None:
    """Enter a package as imported, so that its modules can be imported, and run it at the first missing attribute."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{name} isn't there", name=name)
    loader, package = spec.loader, importlib.util.module_from_spec(spec)

    def run(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = run
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    setattr(importlib.import_module(parent), child, package)
