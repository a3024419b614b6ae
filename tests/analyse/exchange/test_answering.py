"""Which policy was in force where and when, and which sources have no replies."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ims.analyse.exchange.answering import answering_of, is_private

COVERAGE = pa.table({
    "sensor": ["a", "a", "a", "b"], "block": ["C", "C", "D", "C"],
    "prefix": ["198.51.100.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.51.100.0/24"],
    "policy": ["reset, limit 5", "ack, echo", "silent", "ports"],
    "since": pa.array([100, 0, 0, 0], pa.timestamp("us", "UTC")),
    "until": pa.array([200, 100, 200, 200], pa.timestamp("us", "UTC")),
})  # fmt: skip


def test_the_policy_is_that_of_its_time_block_and_sensor() -> None:
    found = answering_of(COVERAGE, [("a", "C"), ("b", "C")])
    assert [found.at("a", "C", time).echo for time in (-5, 0, 99, 100, 500)] == [True, True, True, False, False]
    assert [found.at("a", "C", time).limit for time in (99, 100)] == [65_536, 5]
    assert found.at("b", "C", 50).ports is None and found.is_by_unknown_port
    assert found.at("a", "D", 50).ports is None, "it wasn't asked for"
    assert not answering_of(COVERAGE, [("a", "C")]).is_by_unknown_port


@pytest.mark.parametrize(
    ("source", "never", "private"),
    [
        ("198.51.100.9", True, False), ("203.0.113.9", True, False), ("192.0.2.9", False, False),
        ("127.1.2.3", True, False), ("0.1.2.3", True, False), ("169.254.1.1", True, False), ("224.0.0.5", True, False),
        ("10.0.0.1", False, True), ("172.31.255.255", False, True), ("172.32.0.0", False, False), ("192.168.9.9", False, True),
    ],
)  # fmt: skip
def test_our_own_and_special_sources_have_no_replies(source: str, never: bool, private: bool) -> None:
    assert answering_of(COVERAGE, []).is_never_answered(source, "a") == never
    assert is_private(source) == private


def test_a_sensor_replies_to_the_blocks_of_another_one() -> None:
    found = answering_of(COVERAGE, [])
    assert [found.is_never_answered("203.0.113.9", sensor) for sensor in ("a", "b", "c")] == [True, False, False]


def test_a_capture_beside_a_live_store_of_the_sensor_hides_no_policy() -> None:
    """Its periods lie within those of the live one, and begin later."""
    captured = COVERAGE.slice(0, 1).set_column(3, "policy", pa.array(["passive"]))
    captured = captured.set_column(4, "since", pa.array([150], pa.timestamp("us", "UTC")))
    found = answering_of(pa.concat_tables([COVERAGE, captured]), [("a", "C")])
    assert found.at("a", "C", 160).limit == 5
    assert answering_of(captured, [("a", "C")]).at("a", "C", 160).ports is None
