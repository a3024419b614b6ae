"""A service is what its table says; what can't be is refused in one line; no conversation is longer than its size says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.conversation import ANY
from ims.simulate.scenario.models import ServiceModel
from ims.simulate.scenario.services import FOLLOWING, service_of, size_of
from ims.simulate.scenario.world import world_of

from ..captures import BLOCK, SYN, TCP, scenario, simulated


def made(**keys):
    return service_of(ServiceModel.model_validate({"port": "tcp/80"} | keys))


@given(st.sampled_from(["tcp", "udp"]), st.integers(0, 65_535))
def test_a_port_is_a_protocol_and_a_number_or_any(name, number):
    protocol = {"tcp": 6, "udp": 17}[name]
    assert (made(port=f"{name}/{number}").protocol, made(port=f"{name}/{number}").port) == (protocol, number)
    assert (made(port=f"{name}/*").protocol, made(port=f"{name}/*").port) == (protocol, ANY)
    assert (made(port="icmp").protocol, made(port="icmp").port) == (1, ANY)


@pytest.mark.parametrize(
    "port", ["", "tcp", "icmp/1", "icmp/", "sctp/1", "tcp/65536", "tcp/-1", "tcp/1e3", "80", "tcp/1/2"]
)
def test_what_is_no_port_is_refused_in_one_line(port):
    with pytest.raises(ValueError, match=re.escape(f"port {port!r}")) as refusal:
        made(port=port)
    assert "\n" not in str(refusal.value)


def test_messages_are_cut_into_segments_and_others_come_less_often():
    service = made(says=["text:hello", "made:long:3000"], or_says=["text:b", "text:c"])
    weights, messages = zip(*service.says, strict=True)
    assert weights == (1.0, 1 / 2, 1 / 3)
    assert [len(part) for part in messages[0]] == [5, 1460, 1460, 80]
    assert messages[1:] == ([b"b"], [b"c"])


def test_who_has_nothing_to_say_never_speaks():
    assert made(speaks=0.7).speaks == 0
    assert made(speaks=0.7, says=["text:x"]).speaks == made(speaks=0.7, fresh=0.1).speaks == 0.7


@pytest.mark.parametrize("octets", ["0-10", "9-4", "1-1461"])
def test_fresh_octets_that_fit_no_segment_are_refused(octets):
    with pytest.raises(ValueError, match=f"fresh_octets '{octets}'"):
        made(fresh_octets=octets)


def test_connections_that_follow_have_an_end():
    def nested(depth):
        return {"port": "tcp/1"} | ({"follow": nested(depth - 1), "after": "2s"} if depth else {})

    service = service_of(ServiceModel.model_validate(nested(FOLLOWING)))
    assert (service.follow.port, service.follow_ns) == (1, (2 * 10**9, 4 * 10**9))
    with pytest.raises(ValueError, match=f"more than {FOLLOWING} connections"):
        service_of(ServiceModel.model_validate(nested(FOLLOWING + 1)))


@pytest.mark.parametrize("answers", [True, False])
def test_a_conversation_comes_to_no_more_than_its_size(answers):
    """Of some hundred hosts, each at most one conversation."""
    block = BLOCK | {"answers": answers}
    keys = {"port": "tcp/80", "says": ["text:hello", "made:x:2000"], "follow": {"port": "tcp/81", "says": ["text:b"]}}
    personas = {"windows-xp": 1, "raw": 1}
    worm = {"name": "w", "hosts": 200_000, "runs_per_hour": 2000, "service": [keys], "personas": personas}
    capture, _ = simulated(duration="10h", worm=[worm], block=[block])
    packets, octets = size_of([made(**keys)], personas, world_of(scenario(block=[block])))
    begun = len(np.unique(np.stack([capture.source, capture.destination])[:, (capture.protocol == TCP)], axis=1).T)
    assert begun > 100
    assert (capture.flags == SYN).any()
    assert len(capture) <= begun * packets
    assert capture.length.sum() <= begun * octets
    assert len(capture) > begun * packets * 0.4
