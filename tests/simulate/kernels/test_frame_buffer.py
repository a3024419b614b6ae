"""One packet at a time writes what whole columns at a time do, and what is written is what was meant.

`wire` and `draft` share no code but constants: whatever Hypothesis thinks of comes out the same from both.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.frame_buffer import (
    LARGEST,
    NO_PAYLOAD,
    PACKET,
    PERHAPS,
    QUOTE,
    UNLIKE_OTHERS,
    empty_draft,
    put_packet,
    shelf_of,
)
from ims.simulate.kernels.order import write_records
from ims.simulate.kernels.persona import NAMES, persona_table

from ...made.wire import Payloads, packet_columns, pcap_records
from ..pcap_by_hand import internet_sum
from ..pcap_by_hand import packet as by_hand

CONTENTS = [b"x", b"ab", bytes(range(251)), b"q" * 1459, b"z" * 1460]
SHELF = shelf_of(CONTENTS, [0] * len(CONTENTS))
PERSONAS = persona_table()
SAME_OPTIONS = {"raw": 0, "zmap": 0, "nmap": 1, "linux": 2, "windows-7": 3}
"""Personas whose options `wire` has a set of."""

u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
FIELDS = st.fixed_dictionaries(
    {
        "time": st.integers(0, 10**15), "source": u32, "destination": u32, "protocol": st.sampled_from([1, 6, 17]),
        "ttl": st.integers(1, 255), "ip_id": u16, "fragment": st.sampled_from([0, 0x4000]), "source_port": u16,
        "destination_port": u16, "sequence": u32, "acknowledgment": u32, "flags": st.sampled_from([2, 4, 16, 18, 20, 24]),
        "window": u16, "timestamp": u32, "icmp_type": st.integers(1, 255), "icmp_code": st.integers(0, 255),
        "icmp_rest": u32, "payload": st.integers(0, len(CONTENTS)),
    }
)  # fmt: skip


def written(fields, shelf=SHELF, draft=None):
    """The frame that `put_packet` writes, and the draft."""
    draft = empty_draft(4, 4 * LARGEST) if draft is None else draft
    packet = np.zeros(1, PACKET)[0]
    for name, value in fields.items():
        packet[name] = value
    assert put_packet(draft, packet, PERSONAS, shelf)
    row = int(draft.used[0]) - 1
    return draft.octets[draft.offset[row] : draft.offset[row] + draft.length[row]].tobytes(), draft


def given_persona(fields, persona):
    length = int(SHELF.length[fields["payload"]])
    return fields | {"persona": NAMES.index(persona), "payload_length": length, "fresh": 0}


@given(fields=FIELDS, persona=st.sampled_from(sorted(SAME_OPTIONS)))
def test_frames_are_those_of_the_other_writer(fields, persona):
    frame, _ = written(given_persona(fields, persona))
    columns = {"ip_fragment": fields["fragment"], "options": SAME_OPTIONS[persona] if fields["flags"] & 2 else 0}
    same = ("source", "destination", "protocol", "ttl", "ip_id", "source_port", "destination_port", "sequence",
            "acknowledgment", "flags", "window", "timestamp", "icmp_type", "icmp_code", "icmp_rest", "payload")  # fmt: skip
    one = packet_columns(1, **columns, **{name: fields[name] for name in same})
    assert frame == pcap_records(one, Payloads.of(CONTENTS), nanosecond=False).tobytes()[16:]


@given(fields=FIELDS, persona=st.sampled_from(NAMES))
def test_every_field_is_read_back_by_hand(fields, persona):
    frame, draft = written(given_persona(fields, persona))
    assert frame[:14].hex() == "0200000000010200000000020800"
    found = by_hand(frame[14:], fields["time"])
    assert found.checksums_right
    assert (found.source, found.destination, found.ip_id) == (fields["source"], fields["destination"], fields["ip_id"])
    assert found.payload == [b"", *CONTENTS][fields["payload"]]
    if fields["protocol"] == 6:
        assert (found.sequence, found.flags) == (fields["sequence"], fields["flags"])
        assert struct.unpack_from("!IH", frame, 14 + 28) == (fields["acknowledgment"], frame[46] << 8 | frame[47])
    assert draft.speaks[0] == len(found.payload)
    assert draft.payload[0] == fields["payload"]


@given(fields=FIELDS, fresh=st.integers(1, (1 << 64) - 1), length=st.integers(1, 1460))
def test_fresh_octets_are_the_seed_s(fields, fresh, length):
    fields = fields | {"payload": 0, "payload_length": length, "persona": -1}
    (one, draft), (same, _), (other, _) = (written(fields | {"fresh": f}) for f in (fresh, fresh, fresh ^ 1 or 2))
    assert one == same
    assert by_hand(one[14:], 0).checksums_right
    assert draft.payload[0] == (UNLIKE_OTHERS if length >= 7 else PERHAPS)
    if length >= 7:
        assert one[-length:] != other[-length:]


@given(fresh=st.integers(1, (1 << 64) - 1), salted=st.integers(0, 16), entry=st.integers(1, len(CONTENTS)))
def test_salt_changes_the_first_octets_and_no_other(fresh, salted, entry):
    shelf = shelf_of(CONTENTS, [salted] * len(CONTENTS))
    content = CONTENTS[entry - 1]
    frame, draft = written(
        {"protocol": 17, "payload": entry, "payload_length": len(content), "fresh": fresh}, shelf=shelf
    )
    payload = frame[42:]
    assert len(payload) == len(content)
    assert payload[salted:] == content[salted:]
    assert draft.payload[0] == (UNLIKE_OTHERS if min(salted, len(content)) >= 7 else PERHAPS)


@given(fields=FIELDS, hops=st.integers(6, 24))
def test_a_quote_is_the_headers_of_a_syn_from_the_destination(fields, hops):
    frame, draft = written(fields | {"protocol": 1, "payload": QUOTE, "hops": hops, "fresh": 0, "persona": -1})
    quote = frame[42:]
    assert by_hand(frame[14:], 0).checksums_right
    assert len(quote) == 28
    assert internet_sum(quote[:20]) == 0xFFFF
    assert struct.unpack_from("!II", quote, 12) == (fields["destination"], fields["source"])
    assert struct.unpack_from("!HHI", quote, 20) == (
        fields["destination_port"], fields["source_port"], fields["sequence"],
    )  # fmt: skip
    assert quote[8] == 64 - hops
    assert draft.payload[0] == UNLIKE_OTHERS


@pytest.mark.parametrize(("fragment", "speaks", "kind"), [(0x2000, 5, 1), (0x0010, 13, PERHAPS)])
def test_a_later_fragment_s_payload_is_all_after_the_ip_header(fragment, speaks, kind):
    shelf = shelf_of([b"hello"], [0])
    frame, draft = written({"protocol": 17, "fragment": fragment, "payload": 1, "payload_length": 5}, shelf=shelf)
    assert (draft.speaks[0], draft.payload[0]) == (speaks, kind)
    assert frame[-5:] == b"hello"
    assert frame[40:42] == b"\0\0"  # no UDP checksum, since it can't be of the whole


def test_equal_contents_are_one_payload():
    shelf = shelf_of([b"a", b"b", b"a"], [0, 0, 0])
    _, draft = written({"protocol": 17, "payload": 3, "payload_length": 1}, shelf=shelf)
    assert draft.payload[0] == 1


def test_a_full_draft_takes_nothing_and_counts_it():
    for draft in (empty_draft(2, 100 * LARGEST), empty_draft(100, 2 * LARGEST + 100)):
        fields = {"protocol": 17, "payload": 5, "payload_length": 1460}
        for _ in range(2):
            written(fields, draft=draft)
        before = draft.octets.copy(), draft.used[:2].tolist()
        packet = np.zeros(1, PACKET)[0]
        packet["protocol"] = 17
        assert not put_packet(draft, packet, PERSONAS, SHELF)
        assert draft.used.tolist() == [*before[1], 1]
        assert (draft.octets == before[0]).all()


def test_the_other_writer_s_records_are_the_same_too():
    draft = empty_draft(3, 3 * LARGEST)
    times = [1_000_000_007, 5, 999_999_999]
    for time in times:
        written({"time": time, "protocol": 17, "payload": 2, "payload_length": 2}, draft=draft)
    out = np.zeros(1000, np.uint8)
    epoch = 1_772_582_400 * 10**9
    length = write_records(draft, np.array([1, 2, 0]), 3, epoch, out)
    columns = packet_columns(3, time_ns=epoch + np.array(sorted(times)), protocol=17, payload=2)
    assert out[:length].tobytes() == pcap_records(columns, Payloads.of(CONTENTS), nanosecond=False).tobytes()
    assert write_records(draft, np.array([1, 2, 0]), 3, epoch, out[: length - 1]) == -1
    assert NO_PAYLOAD == 0
