"""What a scenario is cast with stands in tables, row by row, as kernels read it; what finds no room is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.conversation import ANY
from ims.simulate.kernels.persona import NAMES
from ims.simulate.scenario.tables import ALTERNATIVES, SERVICES, Cast, Service

TCP, UDP, ICMP = 6, 17, 1


def test_an_event_has_a_number_and_a_name_of_its_own():
    cast = Cast(1)
    assert [cast.event(name, "worm", {"hosts": 3}) for name in ("a", "b")] == [0, 1]
    with pytest.raises(ValueError, match="two events are named 'a'"):
        cast.event("a", "scanner", {})
    assert [(event.name, event.kind) for event in cast.events] == [("a", "worm"), ("b", "worm")]


@given(st.integers(0, 2**64 - 1), st.text(max_size=9), st.text(max_size=9))
def test_keys_belong_to_their_name_and_the_seed(seed, name, other):
    keys = Cast(seed).keys(name)
    assert keys.dtype == "u8" and keys.shape == (5,)
    assert (keys == Cast(seed).keys(name)).all()
    assert name == other or (keys != Cast(seed).keys(other)).any()
    assert (keys != Cast(seed ^ 1).keys(name)).any()


def test_services_stand_together_with_cumulative_weights_and_those_that_follow_before_them():
    cast = Cast(1)
    population = cast.population(cast.keys("hosts"), {"linux": 2, "zmap": 1})
    then = Service(TCP, 81, follow=None)
    first, count = cast.services([Service(UDP, 53, weight=2), Service(TCP, 80, weight=3, follow=then)], population, 7)
    tables = cast.tables([True])
    assert (first, count) == (1, 2)
    assert tables.services["port"].tolist() == [81, 53, 80]
    assert tables.services["follow"].tolist() == [-1, -1, 0]
    assert tables.service_weight[first : first + count].tolist() == [2.0, 5.0]
    assert set(tables.services["event"].tolist()) == {7}
    steps = zip(NAMES, np.diff(tables.persona_weight[population], prepend=0).tolist(), strict=True)
    assert {name: step for name, step in steps if step} == {"linux": 2, "zmap": 1}


def test_the_same_messages_are_shelved_once_and_with_other_salt_again():
    cast = Cast(1)
    said = [(1.0, [b"hello", b"world"])]
    cast.services([Service(TCP, 1, said), Service(TCP, 2, said), Service(UDP, 3, said, salted=2)], 0, 0)
    assert cast.contents == [b"hello", b"world"] * 2
    assert cast.salted == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("messages", "says"), [([b""], "0 octets"), ([bytes(1461)], "1461 octets"), ([b"x"] * 65, "at most 64 fit")]
)
def test_messages_that_fit_no_packet_are_refused(messages, says):
    with pytest.raises(ValueError, match=says):
        Cast(1).services([Service(TCP, 1, [(1.0, messages)])], 0, 0)


def test_what_sequence_numbers_have_no_room_for_is_refused():
    cast = Cast(1)
    cast.population(cast.keys("hosts"), {"linux": 1})
    cast.services([Service(UDP, 1)] * SERVICES, 0, 0)
    assert len(cast.tables([True]).services) == SERVICES
    cast.services([Service(UDP, 1)], 0, 0)
    with pytest.raises(ValueError, match=f"at most {SERVICES} fit"):
        cast.tables([True])
    cast = Cast(1)
    cast.services([Service(TCP, 1, [(1.0, [bytes([n % 255 + 1])]) for n in range(ALTERNATIVES + 1)])], 0, 0)
    with pytest.raises(ValueError, match=f"more than {ALTERNATIVES} payloads"):
        cast.tables([True])


def test_a_conversation_is_as_long_as_its_longest_alternative_and_all_that_follows():
    short, long = (1.0, [b"a"]), (0.1, [b"bb", b"cc", b"dd"])
    assert Service(UDP, 1, [short, long]).packets(True, 2) == 3
    assert Service(ICMP).packets(True, 2) == 1
    assert Service(TCP, 1, [short, long]).packets(False, 2) == 3
    assert Service(TCP, 1, [long], repeats=0).packets(False, 2) == 1
    assert Service(TCP, 1, repeats=ANY).packets(False, 5) == 6
    assert Service(TCP, 1, [short, long]).packets(True, 2) == 5
    assert Service(TCP, 1, [long], speaks=0.0).packets(True, 2) == 2
    assert Service(TCP, 1, [long], follow=Service(TCP, 2, [short])).packets(True, 2) == 5 + 3
    assert Service(TCP, 1, [short, long], fresh=0.5, follow=Service(UDP, 2, [short])).octets() == 200 + 1
