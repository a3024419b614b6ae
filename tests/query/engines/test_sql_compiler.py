"""SQL from Ibis without the compilers of engines that nobody asked for."""

from __future__ import annotations

import subprocess
import sys


def run(text: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


ASK = "import sys, ibis; from ims.query.engines.sql_compiler import to_sql; t = ibis.table({'a': 'int64'}, name='t'); sql = to_sql(t.a.sum())\n"


def test_other_engines_compilers_are_not_imported() -> None:
    text = ASK + "print([name for name in sys.modules if name.startswith('ibis.backends.sql.compilers.')])"
    loaded = run(text)
    assert "compilers.duckdb" in loaded
    assert "compilers.snowflake" not in loaded
    assert "compilers.trino" not in loaded


def test_they_are_there_for_whoever_asks_afterwards() -> None:
    text = ASK + (
        "print(ibis.to_sql(t.a.sum(), dialect='trino'))\n"
        "import ibis.backends.sql.compilers as compilers\n"
        "print(compilers.SnowflakeCompiler.__name__, compilers.DuckDBCompiler.__name__, len(compilers.__all__) > 10)\n"
        "print(hasattr(compilers, 'nothing_of_this_name'), sql == to_sql(t.a.sum()))\n"
    )
    assert run(text).splitlines()[-2:] == ["SnowflakeCompiler DuckDBCompiler True", "False True"]


def test_ibis_used_before_stays_as_it_is() -> None:
    text = (
        "import ibis; t = ibis.table({'a': 'int64'}, name='t'); before = str(ibis.to_sql(t.a.sum(), dialect='duckdb', pretty=False))\n"
        "from ims.query.engines.sql_compiler import to_sql\nprint(before == to_sql(t.a.sum()))\n"
    )
    assert run(text) == "True\n"


def test_nothing_is_kept_of_which_expressions_are_equal() -> None:
    """Threads would share it."""
    text = (
        "from ims.query.engines.sql_compiler import to_sql; from ims.query.engines.sql_cache import filtered; from ims.query.language.filter import parse\n"
        "from ibis.common.bases import Comparable\n"
        "for text in ('tcp dst port 80', 'udp or not payload'): filtered(parse(text))\n"
        "import ibis; print(ibis.literal(1).op() == ibis.literal(1).op(), ibis.literal(1).op() == ibis.literal(2).op())\n"
        "print(len(Comparable.__cache__))\n"
    )
    assert run(text).splitlines() == ["True False", "0"]


def test_numbers_with_a_fraction_are_compiled_for_spark_without_ibis_own_backend() -> None:
    text = ASK + "part = t.a.cast('float64'); t = t.mutate(b=part * part); print(to_sql(t.agg(c=t.b.sum()), 'pyspark'))"
    assert "DOUBLE" in run(text)
