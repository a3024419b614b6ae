"""How a lake is asked: what is right is taken, and what is wrong said in one line."""

from __future__ import annotations

import pytest

from ims.lake.config import LakeConfig, checked_lake, read_lake_config


def test_nothing_said_is_duckdb_without_limits(tmp_path):
    (tmp_path / "lake.toml").write_text("")
    config = read_lake_config(tmp_path / "lake.toml")
    assert config == checked_lake({}) == LakeConfig()
    assert (config.engine, config.memory, config.threads) == ("duckdb", None, None)


def test_a_file_is_read_with_units_and_spark_s_table(tmp_path):
    (tmp_path / "lake.toml").write_text(
        'engine = "spark"\nmemory = "2G"\nthreads = 4\n[spark]\nmaster = "local[2]"\n[spark.properties]\n"spark.x" = "1"\n'
    )
    config = read_lake_config(tmp_path / "lake.toml")
    assert (config.engine, config.memory, config.threads) == ("spark", 2 << 30, 4)
    assert (config.spark.master, dict(config.spark.properties)) == ("local[2]", {"spark.x": "1"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('engine = "mysql"', "line 1: engine = 'mysql'"),
        ("threads = 0", "line 1: threads = 0"),
        ("threads = 257", "threads = 257"),
        ('\nmemory = "1M"', "line 2: memory = '1M'"),
        ('memory = "much"', "memory = 'much'"),
        ('engin = "duckdb"', "unknown key 'engin'; meant engine?"),
        ("[spark]\nmasters = 1", "unknown key 'masters' in spark; meant master?"),
        ("spark = 7", "spark"),
        ("engine =", "isn't TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(tmp_path, text, says):
    (tmp_path / "lake.toml").write_text(text)
    with pytest.raises(ValueError, match=r"lake\.toml") as raised:
        read_lake_config(tmp_path / "lake.toml")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_says_where_an_example_is(tmp_path):
    with pytest.raises(ValueError, match=r"lake\.toml isn't there; docs/scale\.md has an example"):
        read_lake_config(tmp_path / "lake.toml")


def test_a_table_of_other_settings_is_named_by_its_place():
    with pytest.raises(ValueError, match=r"^portal\.toml: \[lake\]: threads = -1: "):
        checked_lake({"threads": -1}, "portal.toml: [lake]: ")


def test_settings_stay_as_they_were_read():
    with pytest.raises(ValueError, match="frozen"):
        checked_lake({}).threads = 2  # type: ignore[misc]
