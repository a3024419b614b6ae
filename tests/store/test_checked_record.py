"""A sealed record is read as written, or refused; one of an earlier version is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.store.checked_record import sealed, unsealed

RECORDS = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "checksum"),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.dictionaries(st.text(max_size=3), st.integers()),
    min_size=1,
    max_size=4,
)


@given(RECORDS)
def test_a_record_comes_back(record):
    assert unsealed(sealed(record)) == record
    assert json.loads(sealed(record)).items() >= record.items()
    assert unsealed(json.dumps(record).encode()) == record


@given(RECORDS, st.integers(0, 10_000), st.integers(0, 7))
def test_a_changed_bit_is_refused_or_changes_nothing_that_passes_for_a_sealed_record(record, at, bit):
    octets = bytearray(sealed(record))
    octets[at % len(octets)] ^= 1 << bit
    try:
        found = unsealed(bytes(octets))
    except ValueError:
        return
    # A space that became another one; or the member's own name was hit, and whoever knows the members refuses it.
    assert found == record or not found.keys() <= record.keys()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b'{"a": 1, "checksum": 7}', b'{"a": 1, "checksum": "00000000"}']
)
def test_what_is_none_is_a_value_error(content):
    with pytest.raises(ValueError):
        unsealed(content)
