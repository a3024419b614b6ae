from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.link.identity import ROLES, Identity, check_identity, parse_identity

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
SERIALS = st.from_regex(r"[0-9a-f]{32,40}", fullmatch=True)


@given(st.sampled_from(ROLES), NAMES, SERIALS)
def test_an_identity_comes_back_from_its_uri(role: str, name: str, serial: str) -> None:
    identity = check_identity(role, name, serial)
    assert parse_identity(identity.uri) == identity == (role, name, serial)
    assert identity.hostname == f"{serial}.{role}.ims"


@given(st.text(max_size=150))
def test_any_text_is_an_identity_or_a_value_error(text: str) -> None:
    try:
        identity = parse_identity(text)
    except ValueError as error:
        assert "expected ims:ROLE:NAME:SERIAL" in str(error)
    else:
        assert identity.uri == text


@given(st.sampled_from(ROLES), NAMES, SERIALS, st.integers(0, 120), st.characters())
def test_one_character_more_never_gives_another_s_identity(
    role: str, name: str, serial: str, at: int, character: str
) -> None:
    uri = Identity(role, name, serial).uri  # type: ignore[arg-type]
    text = uri[:at] + character + uri[at:]
    try:
        identity = parse_identity(text)
    except ValueError:
        return
    assert identity.uri == text
    assert check_identity(*identity) == identity


@given(st.text(max_size=70), st.text(max_size=70), st.text(max_size=45))
def test_parts_that_are_taken_make_a_uri_that_is_read_back(role: str, name: str, serial: str) -> None:
    try:
        identity = check_identity(role, name, serial)
    except ValueError:
        return
    assert parse_identity(identity.uri) == identity


SERIAL = "7" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"ims:root:a:{SERIAL}",
        f"ims:sensor::{SERIAL}",
        f"ims:sensor:a:{SERIAL}\n",
        f" ims:sensor:a:{SERIAL}",
        f"IMS:sensor:a:{SERIAL}",
        f"ims:sensor:a:{'A' * 32}",
        f"ims:sensor:a:{'7' * 31}",
        f"ims:sensor:a:{'7' * 41}",
        f"ims:sensor:a:b:{SERIAL}",
        f"ims:sensor:{'x' * 65}:{SERIAL}",
        f"ims:sensor:.a:{SERIAL}",
        f"ims:sensor:ä:{SERIAL}",
        f"ims:sensor:a:{chr(0x667) * 32}",
    ],
)
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ims identity"):
        parse_identity(text)


def test_each_part_s_error_says_what_was_wanted() -> None:
    for parts, says in {
        ("root", "a", SERIAL): "role 'root': expected one of sensor, portal, operator",
        ("sensor", "a/b", SERIAL): "name 'a/b': expected up to 64 letters",
        ("sensor", "a", "1"): "serial '1': expected 32 to 40 hexadecimal digits",
    }.items():
        with pytest.raises(ValueError, match=says):
            check_identity(*parts)
