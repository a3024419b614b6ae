"""A capture is known by what it begins with, and by nothing else."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from ims.store.captures import CaptureRecord, find_known, same_beginning

HEAD = 4


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def record(name, octets, position=None):
    """A capture of which `position` octets were read; its first packet is its first HEAD octets."""
    end = len(octets) if position is None else position
    return CaptureRecord(name, digest(octets[:HEAD]), end, digest(octets[:end]), frames=end).as_json()


def find(captures, octets):
    """find_known for a capture of these octets, and how often its digests were asked for."""
    asked = []

    def digests(lengths):
        asked.append(lengths)
        return [digest(octets[:length]) if length <= len(octets) else None for length in lengths]

    first = digest(octets[:HEAD]) if len(octets) >= HEAD else None
    return find_known(captures, first, digests), asked


def test_the_same_capture_under_any_name_is_known():
    captures = {"1": record("a.pcap", b"HEADtail")}
    (name, found), _ = find(captures, b"HEADtail")
    assert (name, found.name, found.position) == ("1", "a.pcap", 8)


def test_a_capture_that_has_grown_is_known():
    (name, _), _ = find({"1": record("a", b"HEADtail")}, b"HEADtail and more")
    assert name == "1"


def test_one_that_was_cut_off_is_known_by_what_was_read_of_it():
    (_, found), _ = find({"1": record("a", b"HEADtail", position=6)}, b"HEADtail")
    assert found.position == 6


def test_one_that_differs_later_or_is_shorter_is_another():
    captures = {"1": record("a", b"HEADtail")}
    assert find(captures, b"HEADtaiL and more")[0] is None
    assert find(captures, b"HEADta")[0] is None


def test_one_with_another_first_packet_is_not_even_read():
    assert find({"1": record("a", b"HEADtail")}, b"headtail") == (None, [])
    assert find({}, b"HEADtail") == (None, [])


def test_one_without_a_packet_is_never_known():
    assert find({"1": record("a", b"")}, b"") == (None, [])


def test_of_several_the_one_read_farthest_is_taken():
    captures = {str(n): record(str(n), b"HEADtail", position=n) for n in (5, 8, 6)}
    assert find(captures, b"HEADtail")[0][0] == "8"
    assert find(captures, b"HEADtai")[0][0] == "6"
    assert list(same_beginning(captures, digest(b"HEAD"))) == ["8", "6", "5"]


@given(
    st.lists(st.tuples(st.binary(min_size=HEAD, max_size=9), st.integers(HEAD, 9)), max_size=6), st.binary(max_size=9)
)
def test_what_is_found_is_a_prefix_and_the_longest(known, octets):
    captures = {str(n): record(str(n), content, min(end, len(content))) for n, (content, end) in enumerate(known)}
    prefixes = [
        min(end, len(content)) for content, end in known if octets.startswith(content[: min(end, len(content))])
    ]
    found, _ = find(captures, octets)
    assert (found[1].position if found else None) == max(prefixes, default=None)


def test_a_record_goes_through_the_manifest_unchanged():
    before = CaptureRecord("a", "x", 1, "y", 2, True, True, 3, 4, 5, {"C/24": 6}, ["p.parquet"])
    assert CaptureRecord(**before.as_json()) == before


def test_a_period_only_widens():
    one = CaptureRecord("a")
    for since, until in ((50, 60), (55, 58), (40, 45), (70, 71)):
        one.saw(since, until)
    assert (one.since_us, one.until_us) == (40, 71)
