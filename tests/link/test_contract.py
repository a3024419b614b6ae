"""Messages between a portal and a sensor: old ones are understood, and what is none is refused in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.link import contract
from ims.link.contract import (
    LONGEST_MESSAGE,
    MOST_HIDDEN,
    NEWEST,
    OLDEST,
    Ask,
    End,
    Hello,
    Tail,
    common_version,
    read_end,
    read_hello,
    read_ticket,
    written,
)
from ims.query.language.filter import parse
from ims.query.language.syntax_tree import HIDING
from ims.query.question import Question
from ims.query.request import make_request

from ..effort import examples
from ..query.language.trees import trees

# Octets of version 2, the first to be released, as they were sent when it was new. They are never changed: sensors
# that speak it are out there.
ASK_2 = (
    b'{"kind":"ask","version":2,"questions":[{"plan":"count","request":{"verb":"count","filter":"",'
    b'"since":1772582400000000,"until":1772668800000000,"bin":3600000000,"metric":"packets","limit":0,"per_24":false},'
    b'"signatures":[],"sources":[]},{"plan":"ranked","request":{"verb":"payloads","filter":"","bin":3600000000,'
    b'"metric":"packets","limit":3,"per_24":false},"key":"signature","signatures":[],"sources":[]}],'
    b'"filter":{"is":"and","terms":[{"is":"port","direction":"destination","low":80,"high":80,"protocol":6},'
    b'{"is":"not","inner":{"is":"contains","octets":"00ff"}}]},"seconds":5.0,"rows":10,"octets":1000,"behalf":"ab"}'
)
TAIL_2 = b'{"kind":"tail","version":2,"every":1.0,"rows":50,"behalf":""}'
HELLO_2 = (
    b'{"oldest":2,"newest":2,"program":"0.1","sensors":["a"],"now":1.5,"last_packet":1.0,"closed":"ab",'
    b'"expires":2.0,"running":1,"waiting":2,"problem":""}'
)
END_2 = b'{"seconds":0.25,"closed":"ab","sensors":["a","b"],"parts":{"0/rows":3}}'
# Octets with the keys that version 2 was given later: lakes, and addresses as marks.
ASK_2_LATER = (
    b'{"kind":"ask","version":2,"questions":[{"plan":"count","request":{"verb":"count"}}],"marks":true,'
    b'"lake":"00ff00ff00ff00ff00ff00ff00ff00ff","beyond":{"a":3,"007":0}}'
)
END_2_LATER = b'{"seconds":0.25,"sensors":["a","007"],"parts":{"0/totals":1},"beyond":{"a":2}}'
# Octets with the keys that it was given later still: how sensors are, and what they are losing.
HELLO_2_LIVE = (
    b'{"oldest":2,"newest":2,"program":"0.1","sensors":["a"],"now":1.5,"live":{"a":{"state":"watching","watches":true,'
    b'"since":1.0,"heard":1.5,"stores":false,"stores_since":1.25,"last_packet":1.0,"lost_in_ring":1,"lost_in_store":2,'
    b'"why":"full","losing":[{"since":1.25,"what":"store","text":"stores nothing"}]}}}'
)
END_2_LOSING = (
    b'{"seconds":0.25,"sensors":["a"],"losing":{"a":[{"since":1.25,"what":"store","text":"stores nothing"}]}}'
)
END_2_WORKED = b'{"seconds":0.25,"worked":0.125}'
END_2_WATCHED = b'{"seconds":0.25,"sensors":["a"],"watched":["198.51.100.0/24"]}'
# Octets with what it was given later still: chains. Older daemons refuse the verb, in one line.
ASK_2_CHAIN = (
    b'{"kind":"ask","version":2,"questions":[{"plan":"chain","request":{"verb":"chain","bin":3600000000,'
    b'"metric":"packets","limit":5,"per_24":false,"chain":{"steps":[{"is":"protocol","number":17},'
    b'{"is":"has","what":"payload"}],"within":600000000,"at":"sensor","bin":604800000000}},"signatures":[],'
    b'"sources":[]}],"filter":{"is":"protocol","number":6},"seconds":30.0,"rows":50000000,"octets":1073741824,'
    b'"behalf":"","marks":false,"lengths":false,"lake":"","beyond":{}}'
)
READERS = (read_ticket, read_hello, read_end)


def test_what_was_watched_is_understood_and_may_be_missing() -> None:
    assert read_end(END_2_WATCHED).watched == ("198.51.100.0/24",)
    assert read_end(END_2_WORKED) == End(seconds=0.25, worked=0.125)
    assert read_end(END_2).watched is None
    assert read_hello(HELLO_2).watched is None
    assert read_hello(json.dumps(json.loads(HELLO_2) | {"watched": []}).encode()).watched == ()


@pytest.mark.parametrize("prefix", ["198.51.100.1/24", "::/0", "198.51.100.0", "198.51.100.0/33", "/", 7, None])
def test_what_is_no_prefix_was_not_watched(prefix: Any) -> None:
    with pytest.raises(ValueError, match="end: watched"):
        read_end(json.dumps({"seconds": 1, "watched": [prefix]}).encode())


def test_more_prefixes_than_there_may_be_are_refused() -> None:
    many = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(contract.MOST_WATCHED + 1)]
    with pytest.raises(ValueError, match="end: watched"):
        read_end(json.dumps({"seconds": 1, "watched": many}).encode())


def test_how_sensors_are_is_understood_and_may_be_missing() -> None:
    live = read_hello(HELLO_2_LIVE).live["a"]
    assert (live.state, live.watches, live.stores, live.losing[0].what) == ("watching", True, False, "store")
    assert read_hello(HELLO_2).live == {}
    assert read_end(END_2_LOSING).losing["a"][0].text == "stores nothing"
    assert read_end(END_2).losing == {}


@pytest.mark.parametrize("end", [
    b'{"seconds":1,"losing":{"a":[{"since":-1,"what":"store","text":"x"}]}}',
    b'{"seconds":1,"losing":{"../a":[]}}',
    b'{"seconds":1,"losing":{"a":[{"since":1,"what":"STORE","text":"x"}]}}',
    b'{"seconds":1,"losing":{"a":[{"since":1,"what":"store","text":"' + b"x" * 1001 + b'"}]}}',
])  # fmt: skip
def test_losses_that_are_none_of_ours_are_refused(end: bytes) -> None:
    with pytest.raises(ValueError, match="end: losing"):
        read_end(end)


def test_an_old_question_is_understood() -> None:
    ask = read_ticket(ASK_2)
    assert ask == Ask(
        version=2,
        questions=(
            Question(plan="count", request=make_request("count", None, since="2026-03-04", until="2026-03-05")),
            Question(plan="ranked", request=make_request("payloads", None, limit=3), key="signature"),
        ),
        filter=parse("tcp dst port 80 and not payload contains 0x00ff"),
        seconds=5, rows=10, octets=1000, behalf="ab",
    )  # fmt: skip
    assert isinstance(ask, Ask)
    assert ask.filter == parse("tcp dst port 80 and not payload contains 0x00ff")


def test_a_chain_is_understood_and_written_as_it_was_at_first() -> None:
    words = {"first": "udp", "then": ["payload"], "at": "sensor", "bin": "1w", "limit": 5}
    asked = Question(plan="chain", request=make_request("chain", None, **words))
    ask = Ask(version=2, questions=(asked,), filter=parse("tcp"))
    assert read_ticket(ASK_2_CHAIN) == ask
    assert written(ask) == ASK_2_CHAIN


def test_questions_without_steps_say_nothing_of_them() -> None:
    """So that older daemons, which refuse a key that they don't know, answer them."""
    for asked in (make_request("count", "tcp"), make_request("series", None, bin="1w"), make_request("coverage", None)):
        message = written(Ask(version=2, questions=(Question(plan=asked.verb, request=asked),)))
        assert b"chain" not in message and b"steps" not in message


STEPS: list[Any] = json.loads(ASK_2_CHAIN)["questions"][0]["request"]["chain"]["steps"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": []}, {"steps": STEPS[:1]}, {"steps": STEPS * 3}, {"steps": [STEPS[0], None]}, {"steps": None},
        {"steps": ["udp", "udp"]}, {"steps": [STEPS[0], {"is": "colour"}]}, {"steps": [{"is": "hiddensource"}, STEPS[0]]},
        {"steps": [STEPS[0], {"is": "not", "inner": {"is": "hiddensource"}}]}, {"within": 0}, {"within": 1 << 70},
        {"within": None}, {"within": "10m"}, {"at": "home"}, {"bin": 0}, {"bin": -1}, {"bin": 1 << 64}, {"colour": 1},
        {"steps": [{"is": "and", "terms": STEPS * 200}, {"is": "and", "terms": STEPS * 200}]},
    ],
)  # fmt: skip
def test_steps_that_are_none_are_refused_in_one_line(wrong: dict[str, Any]) -> None:
    """Nor may a step hide sources: what it would mean is beside the filter alone."""
    found = json.loads(ASK_2_CHAIN)
    found["questions"][0]["request"]["chain"] |= wrong
    with pytest.raises(ValueError, match=r"^(ticket|filter): ") as caught:
        read_ticket(json.dumps(found).encode())
    assert_one_line(caught.value)


@pytest.mark.parametrize("verb", ["count", "series", "sources"])
def test_steps_of_another_verb_and_a_chain_without_steps_are_refused(verb: str) -> None:
    found = json.loads(ASK_2_CHAIN)
    [question] = found["questions"]
    del question["request"]["chain"]
    with pytest.raises(ValueError, match="chain needs steps, and no other verb takes them"):
        read_ticket(json.dumps(found).encode())
    question |= {"plan": "count", "request": {"verb": verb, "chain": {"steps": STEPS, "within": 1}}}
    with pytest.raises(ValueError, match="chain needs steps, and no other verb takes them"):
        read_ticket(json.dumps(found).encode())


def test_the_longest_chain_beside_all_that_may_be_hidden_is_read() -> None:
    """Five filters as long as they may be, for a caller from whom 50,000 ranges are hidden."""
    step = " or ".join(["src host 198.51.100.100"] * 60)
    asked = make_request("chain", None, first=step, then=[step] * 3, within="1d", at="anywhere", bin="1h")
    hidden = tuple((4_000_000_000 + 2 * n, 4_000_000_000 + 2 * n) for n in range(MOST_HIDDEN))
    coverage = Question(plan="coverage", request=make_request("coverage", None))
    questions = (Question(plan="chain", request=asked), coverage)
    message = written(Ask(version=2, questions=questions, filter=HIDING, hidden=hidden))
    assert 1 << 20 < len(message) < LONGEST_MESSAGE
    found = read_ticket(message)
    assert isinstance(found, Ask) and found.questions[0].request.chain == asked.chain


def test_keys_that_came_later_are_understood_and_may_be_missing() -> None:
    ask = read_ticket(ASK_2_LATER)
    assert isinstance(ask, Ask)
    assert (ask.marks, ask.lake, ask.beyond) == (True, "00ff" * 8, {"a": 3, "007": 0})
    assert read_end(END_2_LATER).beyond == {"a": 2}
    old = read_ticket(ASK_2)
    assert isinstance(old, Ask)
    assert (old.marks, old.lake, old.beyond, read_end(END_2).beyond) == (False, "", {}, {})


@pytest.mark.parametrize(
    "wrong", [{"lake": "../.."}, {"beyond": {"a/b": 1}}, {"beyond": {"a": -1}}, {"beyond": {"a": 1 << 60}}]
)
def test_a_lake_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        read_ticket(json.dumps({**json.loads(ASK_2_LATER), **wrong}).encode())


def test_an_old_tail_hello_and_end_are_understood() -> None:
    assert read_ticket(TAIL_2) == Tail(version=2, every=1, rows=50)
    assert read_hello(HELLO_2) == Hello(
        oldest=2, newest=2, program="0.1", sensors=("a",), now=1.5, last_packet=1.0, closed="ab", expires=2.0,
        running=1, waiting=2,
    )  # fmt: skip
    assert read_end(END_2) == End(seconds=0.25, closed="ab", sensors=("a", "b"), parts={"0/rows": 3})


def test_old_columns_of_a_tail_are_the_same() -> None:
    assert {name: [(f.name, str(f.type)) for f in schema] for name, schema in contract.TAIL.items()} == {
        "blocks": [*WHERE, *COUNTS],
        "ports": [*WHERE, ("category", "string"), *PORT, *COUNTS],
        "new": [*WHERE, *PORT, ("signature", "binary"), ("length", "int64"), ("payload", "binary")],
    }


WHERE = [("second", "int64"), ("sensor", "string"), ("block", "string")]
PORT = [("protocol", "uint8"), ("destination_port", "uint16")]
COUNTS = [(name, "int64") for name in ("packets", "bytes", "payloads", "new_payloads", "verified")]


@pytest.mark.parametrize(
    "octets", [ASK_2, ASK_2_CHAIN, TAIL_2, HELLO_2, END_2], ids=["ask", "chain", "tail", "hello", "end"]
)
def test_keys_of_the_future_are_skipped(octets: bytes) -> None:
    read: Any = {
        ASK_2: read_ticket,
        ASK_2_CHAIN: read_ticket,
        TAIL_2: read_ticket,
        HELLO_2: read_hello,
        END_2: read_end,
    }[octets]
    later = json.dumps({**json.loads(octets), "colour": {"new": [1, 2]}}).encode()
    assert read(later) == read(octets)


def test_a_question_that_is_not_understood_whole_is_refused() -> None:
    ask = json.loads(ASK_2)
    ask["questions"][0]["request"]["only_on_sundays"] = True
    with pytest.raises(ValueError, match="only_on_sundays"):
        read_ticket(json.dumps(ask).encode())


@pytest.mark.parametrize("version", [OLDEST - 1, NEWEST + 1, -1, 1 << 80, "one", None])
@pytest.mark.parametrize("octets", [ASK_2, TAIL_2], ids=["ask", "tail"])
def test_another_version_is_refused_in_one_line(octets: bytes, version: object) -> None:
    with pytest.raises(ValueError, match=r"^ticket: .*version") as caught:
        read_ticket(json.dumps({**json.loads(octets), "version": version}).encode())
    assert_one_line(caught.value)


def test_the_newest_version_that_both_speak_is_spoken() -> None:
    assert common_version(2, 2) == 2
    assert common_version(OLDEST, NEWEST + 5) == NEWEST
    assert common_version(-3, OLDEST) == OLDEST
    for oldest, newest in ((NEWEST + 1, NEWEST + 2), (OLDEST - 2, OLDEST - 1)):
        with pytest.raises(ValueError, match=f"it speaks versions {oldest} to {newest} of the contract; this is"):
            common_version(oldest, newest)


@pytest.mark.parametrize("read", READERS)
def test_what_is_too_long_is_refused_before_it_is_parsed(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(contract.json, "loads", never)
    with pytest.raises(ValueError, match=r"2,097,153 octets; at most 2,097,152 are read"):
        read(b" " * (LONGEST_MESSAGE + 1))
    with pytest.raises(AssertionError, match="parsed"):
        read(b" " * LONGEST_MESSAGE)


@given(st.binary(max_size=200))
@settings(max_examples=examples(300, 60))
def test_octets_are_a_message_or_refused(octets: bytes) -> None:
    for read in READERS:
        refused_or_read(read, octets)


texts = st.text(max_size=12)  # lone surrogates and line ends, too
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(jsons)
@settings(max_examples=examples(300, 60))
def test_json_is_a_message_or_refused(found: Any) -> None:
    for read in READERS:
        refused_or_read(read, json.dumps(found).encode())


@given(st.sampled_from([ASK_2, TAIL_2, HELLO_2, END_2]), st.data())
@settings(max_examples=examples(400, 80))
def test_messages_that_somebody_touched_are_read_or_refused(octets: bytes, data: st.DataObject) -> None:
    found = json.loads(octets)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(found)))
        if isinstance(container, dict) and data.draw(st.booleans()):
            container[data.draw(texts)] = data.draw(jsons)
        else:
            container[key] = data.draw(jsons)
    for read in READERS:
        refused_or_read(read, json.dumps(found).encode())


def places(found: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below."""
    items = list(found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ())
    return [(found, key) for key, _ in items] + [place for _, value in items for place in places(value)]


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"{}", b"null", b"[]", b"{", b"\xff\xfe{", b"[" * 100_000, b'{"kind":"ask"}', b'{"kind":"drop\\ntable"}',
        b"9" * 5000, ASK_2[:-1], ASK_2.replace(b'"count"', b'"DROP TABLE packets"'), b'{"kind":' + b'{"a":' * 5000,
        ASK_2.replace(b'"plan":"count"', b'"a\\nb\\u001b[2J":1,"plan":"count"'),
        ASK_2.replace(b'"plan":"count"', b'"\\ud800":1,"plan":"count"'),
        ASK_2.replace(b'"plan":"count"', b'"' + b"k" * 100_000 + b'":1,"plan":"count"'),
    ],
)  # fmt: skip
def test_tickets_that_are_none_are_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"^ticket: ") as caught:
        read_ticket(octets)
    assert_one_line(caught.value)


def test_a_filter_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^filter: port: expected one of either, source, destination, both"):
        read_ticket(ASK_2.replace(b'"direction":"destination"', b'"direction":"up"'))
    with pytest.raises(ValueError, match=r"^filter: expected an object"):
        read_ticket(json.dumps(json.loads(ASK_2) | {"filter": "tcp"}).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_times_are_finite(number: str) -> None:
    for read, octets in (
        (read_hello, HELLO_2.replace(b"1.5", number.encode())),
        (read_end, END_2.replace(b"0.25", number.encode())),
    ):
        with pytest.raises(ValueError, match="finite number"):
            read(octets)


def refused_or_read(read: Any, octets: bytes) -> None:
    try:
        found = read(octets)
    except ValueError as error:
        assert_one_line(error)
    else:
        assert read(written(found)) == found


def assert_one_line(error: ValueError) -> None:
    said = str(error)
    assert len(said) < 400
    assert len(said.splitlines()) == 1
    said.encode()


questions = st.sampled_from(
    [
        Question(plan="count", request=make_request("count", None)),
        Question(plan="series", request=make_request("series", None, bin="5m", group="category", metric="bytes")),
        Question(plan="top", request=make_request("top", None, group="source/16", per_24=True)),
        Question(
            plan="spread", request=make_request("sources", None), key="source", other="destination", sources=(1, 2)
        ),
        Question(plan="payload_bytes", request=make_request("payloads", None), signatures=("ab" * 16,)),
        Question(plan="signatures_like", request=make_request("payloads", None), prefix="abcdef"),
        Question(
            plan="chain", request=make_request("chain", None, first="udp", then=["tcp port 80", "payload"], bin=60)
        ),
        Question(
            plan="chain", request=make_request("chain", None, first="ip", then="payload contains 0x00", at="anywhere")
        ),
    ]
)
seconds = st.floats(0.1, 60)
behalf = st.text("abcXYZ019._-", max_size=64)
numbers = st.integers(-(1 << 63), 1 << 63)
moments = st.floats(allow_nan=False, allow_infinity=False)
names = st.lists(st.text(max_size=8).filter(lambda text: text.isprintable()), max_size=3).map(tuple)


@given(
    st.lists(questions, min_size=1, max_size=16).map(tuple), st.none() | trees, seconds, st.integers(1, 1 << 40), behalf
)
@settings(max_examples=examples(200, 40))
def test_a_question_is_itself_after_its_way(asked: Any, tree: Any, until: float, rows: int, who: str) -> None:
    ask = Ask(version=2, questions=asked, filter=tree, seconds=until, rows=rows, octets=rows, behalf=who)
    found = read_ticket(written(ask))
    assert found == ask
    assert isinstance(found, Ask)
    assert found.filter == tree
    assert [q.as_plan() is not None for q in found.questions]


@given(seconds, st.integers(1, 100_000), behalf)
def test_a_tail_is_itself_after_its_way(every: float, rows: int, who: str) -> None:
    tail = Tail(version=2, every=every, rows=rows, behalf=who)
    assert read_ticket(written(tail)) == tail


@given(numbers, numbers, names, moments, st.none() | moments)
def test_a_hello_and_an_end_are_themselves_after_their_way(a: int, b: int, sensors: Any, now: float, last: Any) -> None:
    hello = Hello(oldest=a, newest=b, program="x", sensors=sensors, now=now, last_packet=last, running=a, problem="é")
    assert read_hello(written(hello)) == hello
    end = End(seconds=now, sensors=sensors, parts=dict.fromkeys(sensors, b))
    assert read_end(written(end)) == end


def test_what_a_filter_hides_travels_beside_it_or_it_is_refused() -> None:
    request = make_request("sources", None)
    asked = {
        "version": 2, "questions": (Question(plan="ranked", request=request, key="source"),), "filter": HIDING,
    }  # fmt: skip
    found = read_ticket(written(Ask(**asked, hidden=((1, 2), (5, 5), (7, 2**32 - 1)))))
    assert isinstance(found, Ask)
    assert found.hidden == ((1, 2), (5, 5), (7, 2**32 - 1))
    assert found.filter == HIDING
    assert read_ticket(written(Ask(**asked, hidden=()))).filter == HIDING  # type: ignore[union-attr]
    unnamed = json.loads(written(Ask(**asked, hidden=())))
    del unnamed["hidden"]
    with pytest.raises(ValueError, match="`hidden` is missing"):
        read_ticket(json.dumps(unnamed).encode())
    for hidden in ([[2, 1]], [[1, 5], [4, 9]], [[-1, 5]], [[1, 2**32]], [[1]], [1, 2], "1-2", [[0, 0]] * 50_001):
        with pytest.raises(ValueError, match=r"^ticket: ask\.hidden|^ticket: ask: .*hidden"):
            read_ticket(json.dumps(unnamed | {"hidden": hidden}).encode())
