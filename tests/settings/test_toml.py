"""What is wrong with a file of settings is one line: where, what was found, what would be right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from ims.portal.federation.registry import Registry
from ims.settings.toml import checked, read_toml

from ..effort import examples


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str = Field(description="where it is")
    kind: Literal["a", "b"] = "a"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="what it is called")
    workers: int = Field(1, ge=1, le=64)
    octets: int = Field(1 << 20, ge=1 << 20)
    tls: Inner | None = None
    block: tuple[Inner, ...] = ()
    policy: Literal["ack"] | dict[str, Literal["ack"]] = "ack"


WRONG = {
    "workers = 2": "name is missing: what it is called",
    'name = "a"\nworkrs = 2': "line 2: unknown key 'workrs'; meant workers?",
    "workrs = 2": "line 1: unknown key 'workrs'; meant workers?",
    'name = "a"\nxyzzy = 2': "name, workers, octets, tls, block, policy",
    'name = "a"\n[tls]\npaht = "x"': "line 3: unknown key 'paht' in tls; meant path?",
    'name = "a"\n[tls]\n': "tls.path is missing: where it is",
    'name = "a"\n[[block]]\npath = "x"\n[[block]]\npath = "y"\nkind = "c"': "line 6: block.1.kind = 'c': ",
    'name = "a"\nworkers = 0': "line 2: workers = 0: ",
    'name = "a"\nworkers = 65': " 64 or less",
    'name = "a"\nworkers = "many"': "line 2: workers = 'many': ",
    'name = "a"\noctets = 3': " 1048576 or more",
    'name = "a"\npolicy = "odd"': "'ack', or a table",
    'name = "a"\n[policy]\n80 = "odd"': "policy.80 = 'odd': ",
}


@pytest.mark.parametrize("text", WRONG)
def test_the_first_thing_that_is_wrong_is_said_with_its_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"^a: .*{re.escape(WRONG[text])}") as said:
        checked(Outer, read_toml(file, ""), "a: ")
    assert "\n" not in str(said.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "kind", "80", "x[0]"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Outer.model_fields, "x", "nam"]), VALUES))
@settings(max_examples=examples(400, 80))
def test_any_data_is_settings_or_one_line(data: dict[str, Any]) -> None:
    try:
        found = checked(Outer, data)
    except ValueError as error:
        assert str(error)
        assert "\n" not in str(error)
    else:
        assert found.name == data["name"]


def test_what_can_t_be_read_is_named_with_its_cause(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b'name = "\xff"')
    with pytest.raises(ValueError, match=r"a\.toml isn't text in UTF-8"):
        read_toml(file, "")
    file.write_text("a = 1\na = 2\n")
    with pytest.raises(ValueError, match=r"a\.toml isn't TOML: .*line 2"):
        read_toml(file, "")
    with pytest.raises(ValueError, match="is a folder"):
        read_toml(tmp_path, "")
    file.write_text('a = "\u20ac"\n[b]\nc = [1, 2]\n', encoding="utf-8")
    assert read_toml(file, "") == tomllib.loads(file.read_text(encoding="utf-8"))


def test_an_unknown_key_is_named_before_the_one_that_it_was_to_be(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text('[[sensor]]\nname = "a"\nadress = "127.0.0.1:9443"\n')
    with pytest.raises(ValueError, match=r"registry.toml: line 3: unknown key 'adress' in sensor.0; meant address\?$"):
        Registry(file)


def test_a_file_that_is_absent_and_one_in_a_file_s_place_differ(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="isn't there; an example"):
        read_toml(tmp_path / "absent.toml", "an example")
    with pytest.raises(ValueError, match="a file stands where one of its folders is to be"):
        read_toml(tmp_path / "file" / "absent.toml", "an example")
