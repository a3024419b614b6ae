"""Requests: what people write becomes a typed question, or one line that says what would be right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ims.query.language.filter import FilterError, parse
from ims.query.request import GROUPS, METRICS, Request, make_request
from ims.query.verbs import DEFAULT_LIMITS

from .words import requested

NOON = 1_772_625_600_000_000
"""2026-03-04 12:00 UTC in microseconds"""


def test_since_and_until_come_as_text_or_datetimes() -> None:
    as_text = make_request("count", None, since="2026-03-04T12:00", until="2026-03-04T12:00:00.5")
    as_datetimes = make_request(
        "count", None, since=datetime(2026, 3, 4, 12), until=datetime(2026, 3, 4, 12, 0, 0, 500_000, UTC)
    )
    assert as_text == as_datetimes
    assert (as_text.since, as_text.until) == (NOON, NOON + 500_000)


def test_a_number_given_as_a_time_is_read_by_its_size_from_python_too() -> None:
    for since in (1_772_625_600, 1_772_625_600_000, "1772625600"):
        assert make_request("count", None, since=since).since == NOON


def test_only_whole_weeks_have_an_origin() -> None:
    """Who doesn't know the key refuses what has it, and would count weeks from another day."""
    assert make_request("series", None, bin="1w").origin == 345_600_000_000
    assert make_request("series", None, bin="14d").origin == 345_600_000_000
    assert make_request("series", None, bin="1d").origin is None
    assert "origin" not in make_request("series", None).model_dump_json(exclude_none=True)


@pytest.mark.parametrize("until", ["2026-03-04T12:00", "2026-03-04T11:59"])
def test_an_empty_range_is_refused(until: str) -> None:
    with pytest.raises(ValueError, match=r"^--since must be before --until$"):
        make_request("count", None, since="2026-03-04T12:00", until=until)


def test_an_unknown_column_names_the_nearest_and_all() -> None:
    with pytest.raises(ValueError, match=r"no column 'destination_prot'; meant destination_port\?") as refused:
        make_request("top", None, group="destination_prot")
    assert all(name in str(refused.value) for name in GROUPS)
    assert "\n" not in str(refused.value)


def test_an_unknown_metric_names_the_nearest_and_all() -> None:
    with pytest.raises(ValueError, match=r"no metric 'source'; meant sources\? expected one of: packets") as refused:
        make_request("series", None, metric="source")
    assert all(name in str(refused.value) for name in METRICS)


def test_nothing_like_a_column_has_no_nearest() -> None:
    with pytest.raises(ValueError, match=r"^no column 'zzz'; expected one of"):
        make_request("top", None, group="zzz")


@pytest.mark.parametrize(("group", "address", "bits"), [("/8", "source", 8), ("source/24", "source", 24),
                                                        ("destination/1", "destination", 1), ("/032", None, None)])  # fmt: skip
def test_a_group_may_be_the_first_bits_of_an_address(group: str, address: str | None, bits: int | None) -> None:
    if address is None:
        with pytest.raises(ValueError, match="no column '/032'"):
            make_request("top", None, group=group)
        return
    prefix = make_request("top", None, group=group).prefix
    assert prefix is not None
    assert (prefix.address, prefix.bits) == (address, bits)


@pytest.mark.parametrize("group", ["/0", "/33", "source/99"])
def test_a_prefix_has_1_to_32_bits(group: str) -> None:
    with pytest.raises(ValueError, match=r"expected /1 to /32"):
        make_request("series", None, group=group)


def test_a_group_of_a_prefix_is_named_without_a_slash() -> None:
    assert make_request("top", None, group="/8").group_name == "source_8"
    assert make_request("top", None, group="ttl").group_name == "ttl"
    assert make_request("series", None).group_name is None


def test_top_wants_a_column() -> None:
    with pytest.raises(ValueError, match=r"^top of what"):
        make_request("top", None)


@pytest.mark.parametrize("limit", [-1, 10_000_001])
def test_a_limit_is_bounded(limit: int) -> None:
    with pytest.raises(ValueError, match=r"^limit: "):
        make_request("packets", None, limit=limit)


def test_a_verb_has_its_own_limit_unless_one_is_given() -> None:
    for verb, limit in DEFAULT_LIMITS.items():
        words = requested(verb)
        assert make_request(verb, None, **words).rows == limit  # type: ignore[arg-type]
        assert make_request(verb, None, **words, limit=3).rows == 3  # type: ignore[arg-type]


def test_a_filter_is_its_tree() -> None:
    request = make_request("count", " tcp or dst port 80 or 81")
    assert request.filter == parse("tcp or dst port 80 or dst port 81")
    assert request == Request(verb="count", filter=" tcp or dst port 80 or 81")  # type: ignore[arg-type]
    assert make_request("count", "  ").filter is None and make_request("count", None).filter is None
    assert Request.model_validate_json(request.model_dump_json()).filter == request.filter


def test_a_filter_that_can_not_be_read_says_where() -> None:
    with pytest.raises(FilterError, match=r"^filter, column 5: ") as refused:
        make_request("count", "tcp adn udp")
    assert (refused.value.text, refused.value.column) == ("tcp adn udp", 5)
    with pytest.raises(ValueError, match=r"^filter, column 1: it has 4,097 bytes; at most 4,096 are taken"):
        make_request("count", "x" * 4097)


@pytest.mark.parametrize("filter", [5, ["tcp"], {"is": "port"}, b"tcp", True])
def test_a_filter_is_text(filter: Any) -> None:
    with pytest.raises(ValueError, match=r"^filter: expected text$"):
        make_request("count", filter)


def test_blanks_are_no_filter_but_not_without_end() -> None:
    assert make_request("count", " " * 4096).filter is None
    with pytest.raises(ValueError, match="at most 4,096"):
        make_request("count", " " * 4097)


def test_what_is_hidden_is_never_said() -> None:
    request = make_request("count", "src net 8.0.0.0/8").hiding(((167772160, 167772415),))
    assert request.hidden == ((167772160, 167772415),)
    assert request.model_copy(update={"limit": 3}).hidden == request.hidden
    said = f"{request!r} {request} {request.model_dump()} {request.model_dump_json()}"
    assert "167772160" not in said


def test_a_request_is_frozen_and_takes_no_unknown_word() -> None:
    request = Request(verb="count")
    with pytest.raises(ValueError, match="frozen"):
        request.limit = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="sql"):
        make_request("count", None, sql="SELECT 1")
