"""Questions: the command line's words, the command line's octets, in each form; and what is wrong with a question."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import ims
from ims.cli.present import print_rows
from ims.portal.services import Limits
from ims.query.answer import Answer
from ims.query.format.serialize import written_columns
from ims.query.request import Request
from ims.query.verbs import VERBS
from ims.telescope import Telescope

from ...cli.test_query import TOO_DEAR
from ...effort import pick, sampled
from ...query.words import as_line
from ...stores import cli, ingest, udp, write_pcap
from .served import NOW, Served, refused, world

ARROW = "application/vnd.apache.arrow.stream"
DARK = 0xC633_6409
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("count", {}),
    ("count", {"filter": "tcp and dst port 445", "since": "2026-03-04T05:00", "until": "2026-03-04T09:00+01:00"}),
    ("count", {"filter": "udp and not udp"}),
    ("series", {"bin": "30m"}),
    ("series", {"group": "/8", "metric": "sources", "limit": 7}),
    ("series", {"group": "block", "per_24": True, "filter": "udp"}),
    ("top", {"column": "destination_port"}),
    ("top", {"column": "destination", "metric": "bytes", "limit": 3}),
    ("top", {"column": "signature", "per_24": True}),
    ("packets", {"limit": 5}),
    ("packets", {"filter": "icmp"}),
    ("payloads", {"limit": 4}),
    ("payloads", {"filter": "udp and not udp"}),
    ("sources", {"filter": "tcp"}),
    ("chain", {"first": "ip", "then": ["payload"]}),
    ("local", {"filter": "udp"}),
    (
        "chain",
        {"filter": "tcp", "first": "ip", "then": ["ip", "ip and payload"], "within": "1h", "at": "sensor", "bin": "2h"},
    ),
    (
        "chain",
        {"first": "udp", "then": "udp", "within": "1d", "at": "anywhere", "limit": 7, "since": "2026-03-04T05:00"},
    ),
    ("chain", {"first": "udp", "then": "tcp and not tcp"}),
    ("sightings", {}),
    ("sightings", {"group": "sensor", "filter": "udp", "limit": 3}),
    ("novelty", {"bin": "1d"}),
    ("cache", {"bin": "1d"}),
    ("storage", {}),
    ("storage", {"bin": "1d", "filter": "tcp", "since": "2026-03-04T05:30"}),
    ("coverage", {}),
    ("coverage", {"since": "2026-03-04T12:00"}),
    ("darknet", {}),
    ("darknet", {"bin": "5m", "group": "block", "since": "2026-03-04T12:01", "limit": 7}),
]
IDS = [f"{verb} {words}" for verb, words in QUESTIONS]


def local(telescope: Telescope, verb: str, words: dict[str, Any]) -> Answer:
    positional = [words[name] for name in ("column",) if name in words]
    answer: Answer = getattr(telescope, verb)(*positional, **{n: v for n, v in words.items() if n != "column"})
    return Answer(written_columns(verb, answer.table), answer.record)


@pytest.mark.parametrize(("verb", "words"), QUESTIONS, ids=IDS)
def test_each_form_holds_what_the_command_line_prints(
    served: Served, one_store: Path, capsys: pytest.CaptureFixture[str], verb: str, words: dict[str, Any]
) -> None:
    answer = local(ims.open(one_store), verb, words)
    rows, names = answer.rows(), answer.table.column_names
    asker = served.as_("operator")

    found = asker.post(f"/query/{verb}", json=words)
    assert found.status_code == 200, found.text
    print_rows(rows, "json", verb == "count")
    assert found.text.startswith('{"rows": ' + capsys.readouterr().out.rstrip("\n") + ', "answer": {')
    posted, record = found.json()["rows"], found.json()["answer"]
    assert record["asked"] == record["answered"] == ["a"]
    assert record["darknet_24s"] == answer.record.darknet_24s
    assert record["silent"] == {} and record["losses"] == [] and "stores" not in record

    print_rows(rows, "csv", verb == "count", names)
    found = asker.post(f"/query/{verb}", json=words, headers={"Accept": "text/csv"})
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert found.text == capsys.readouterr().out

    found = asker.post(f"/query/{verb}", json=words, headers={"Accept": ARROW})
    assert found.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(found.content).read_all()
    assert written_columns(verb, table).replace_schema_metadata(None).equals(answer.table)
    assert json.loads(table.schema.metadata[b"ims.answer"])["sensors"] == ["a"]

    asked = {name: str(value).lower() if value is True else value for name, value in words.items()}
    assert asker.get(f"/query/{verb}", params=asked).json()["rows"] == posted


def test_one_text_and_a_list_are_the_same_steps_and_get_repeats_the_word(served: Served, one_store: Path) -> None:
    asker = served.as_("operator")
    for then in (["payload"], ["ip", "payload"]):
        words: dict[str, Any] = {"first": "ip", "then": then, "at": "sensor"}
        said = cli("query", "chain", *as_line(words), "--store", one_store, "--format", "json")
        expected = json.loads(said.stdout)
        assert len(expected) == len(ims.open(one_store).chain(**words)) > 0
        replies = [asker.get("/query/chain", params=words), asker.post("/query/chain", json=words)]
        if len(then) == 1:
            replies.append(asker.post("/query/chain", json=words | {"then": then[0]}))
        assert [reply.json()["rows"] for reply in replies] == [expected] * len(replies)


@pytest.mark.parametrize("role", ["viewer", "analyst", "operator"])
@pytest.mark.parametrize("words", [{"first": "udp", "then": ["udp"] * 5}, {"first": "tpc", "then": ["udp"]}])
def test_steps_that_make_no_sense_are_refused_by_get_too(served: Served, role: str, words: dict[str, Any]) -> None:
    reply = served.as_(role).get("/query/chain", params=words)
    refused(reply, 403 if role == "viewer" and reply.status_code == 403 else 400)


def test_large_answers_are_streamed_and_the_same(
    served: Served, one_store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ims.portal.api.answers.WHOLE", 700)
    answer = local(ims.open(one_store), "packets", {"limit": 3000})
    asker, words = served.as_("operator"), {"limit": 3000}
    print_rows(answer.rows(), "json")
    found = asker.post("/query/packets", json=words)
    assert "content-length" not in found.headers
    assert json.dumps(found.json()["rows"]) == capsys.readouterr().out.rstrip("\n")
    print_rows(answer.rows(), "csv")
    assert asker.post("/query/packets", json=words, headers={"Accept": "text/csv"}).text == capsys.readouterr().out
    table = pa.ipc.open_stream(asker.post("/query/packets", json=words, headers={"Accept": ARROW}).content).read_all()
    assert table.replace_schema_metadata(None).equals(answer.table)


WRONG = [
    ("count", {"filter": "tpc port 80"}, "filter, column 1: 'tpc' can't stand here; meant tcp?"),
    ("count", {"filter": "tcp and (udp"}, "filter, column 13: it ends here"),
    ("count", {"filter": "\ud800"}, "filter: expected text"),
    ("count", {"filter": "(" * 4096}, "filter, column 65: brackets are nested more than 64 deep"),
    ("count", {"filter": "tcp " * 2000}, "filter: "),
    ("count", {"bin": "5m"}, "unknown parameter 'bin'"),
    ("count", {"since": "tomorrow"}, "time 'tomorrow': expected ISO 8601"),
    ("count", {"since": "0001-01-01T00:00+14:00"}, "outside the years 1900 to 2399"),
    ("count", {"since": "2026-03-05", "until": "2026-03-04"}, "--since must be before --until"),
    ("series", {"bin": "5parsecs"}, "bin '5parsecs'"),
    ("series", {"group": "colour"}, "no column 'colour'"),
    ("series", {"metric": "packet"}, "no metric 'packet'; meant packets?"),
    ("top", {"column": "destination_prot"}, "meant destination_port?"),
    ("top", {}, "column is missing"),
    ("chain", {}, "first is missing"),
    ("chain", {"first": "udp"}, "then is missing"),
    ("chain", {"first": "udp", "then": []}, "chain needs then: a filter"),
    ("chain", {"first": "", "then": "udp"}, "chain needs first: a filter"),
    ("chain", {"first": " ", "then": "udp"}, "step 1 is empty; expected a filter"),
    ("chain", {"first": "udp", "then": ["tcp", ""]}, "step 3 is empty; expected a filter"),
    ("chain", {"first": "tpc", "then": "udp"}, "step 1: filter, column 1: 'tpc' can't stand here; meant tcp?"),
    ("chain", {"first": "udp", "then": ["tcp", "tcp and (udp"]}, "step 3: filter, column 13: it ends here"),
    ("chain", {"first": "udp", "then": ["\ud800"]}, "then.0: expected text"),
    ("chain", {"first": "udp", "then": ["udp"] * 5}, "then: "),
    ("chain", {"first": "udp", "then": ["u" * 4097]}, "then"),
    ("chain", {"first": ["udp"], "then": ["udp"]}, "first: "),
    ("chain", {"first": None, "then": ["udp"]}, "first: "),
    ("chain", {"first": "udp", "then": 5}, "then: "),
    ("chain", {"first": "udp", "then": [5]}, "then"),
    ("chain", {"first": "udp", "then": {"udp": 1}}, "then: "),
    ("chain", {"first": "udp", "then": None}, "then: "),
    ("chain", {"first": "udp", "then": "udp", "within": "0s"}, "within '0s': expected a positive number"),
    ("chain", {"first": "udp", "then": "udp", "within": 600}, "within: "),
    ("chain", {"first": "udp", "then": "udp", "bin": "5parsecs"}, "bin '5parsecs'"),
    (
        "chain",
        {"first": "udp", "then": "udp", "at": "adress"},
        "at 'adress': expected one of address, sensor, anywhere",
    ),
    ("chain", {"first": "udp", "then": "udp", "group": "block"}, "unknown parameter 'group'"),
    ("chain", {"first": "udp", "then": "udp", "limit": 1_000_001}, "limit"),
    ("count", {"first": "udp"}, "unknown parameter 'first'"),
    ("packets", {"limit": 0}, "limit: "),
    ("packets", {"limit": 10**30}, "limit: "),
    ("packets", {"limit": 1_000_001}, "limit 1,000,001: at most 1,000,000 rows for operators"),
    ("payloads", {"limit": 10_001}, "described one by one; at most 10,000"),
]


@pytest.mark.parametrize(("verb", "words", "says"), WRONG, ids=[f"{verb} {says}" for verb, _, says in WRONG])
def test_what_makes_no_sense_is_refused_in_one_line(
    served: Served, verb: str, words: dict[str, Any], says: str
) -> None:
    body = json.dumps(words).encode("ascii")
    headers = {"Content-Type": "application/json"}
    refused(served.as_("operator").post(f"/query/{verb}", content=body, headers=headers), 400, says)


@pytest.mark.parametrize(("text", "says"), TOO_DEAR)
@pytest.mark.parametrize("role", ["viewer", "analyst", "operator"])
def test_a_filter_that_costs_too_much_is_refused_of_every_role(served: Served, role: str, text: str, says: str) -> None:
    refused(served.as_(role).post("/query/count", json={"filter": text}), 400, says)


NOON = 1_772_625_600
"""2026-03-04T12:00 in seconds since 1970: the middle of the sample's day"""


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000, 1_000_000_000])
def test_a_moment_may_be_a_whole_number_and_means_what_the_command_line_reads(
    served: Served, one_store: Path, unit: int
) -> None:
    """Two hours are asked for, so that a unit that was mistaken would find nothing or all."""
    since, until = NOON * unit, (NOON + 7200) * unit
    asker = served.as_("operator")
    said = cli("query", "count", "--since", since, "--until", until, "--store", one_store, "--format", "json")
    wanted = json.loads(said.stdout)
    assert 0 < wanted["packets"] < 3000
    found = asker.post("/query/count", json={"since": since, "until": until})
    assert found.status_code == 200 and found.json()["rows"] == wanted
    assert asker.post("/query/count", json={"since": str(since), "until": str(until)}).json()["rows"] == wanted
    assert asker.get(f"/query/count?since={since}&until={until}").json()["rows"] == wanted
    exported = asker.post("/export/json", json={"since": since, "until": until})
    assert len(exported.text.splitlines()) == wanted["packets"]


def test_curl_sends_moments_as_numbers(served: Served) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed")
    found = {}
    for since in (f"{NOON}", f"{NOON * 1000}", '"2026-03-04T12:00Z"', f'"{NOON}.0"'):
        words = ["--json", f'{{"since": {since}}}', "-H", f"Authorization: Bearer {served.world.tokens['operator']}"]
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", *words, f"{served.url}/api/v1/query/count"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found[since] = json.loads(done.stdout)["rows"]["packets"]
    assert len(set(found.values())) == 1 and 0 < found[str(NOON)] < 3000, found


NO_MOMENTS = [
    ("true", "found true"),
    ("false", "found false"),
    (f"{NOON}.5", f"(a fraction in quotes); found {NOON}.5"),
    (f"{NOON}.0", f"found {NOON}.0"),
    ("1.7726256e9", "found 1772625600.0"),
    ("NaN", "found NaN"),
    ("-Infinity", "found -Infinity"),
    (f"[{NOON}]", f"found [{NOON}]"),
    ("{}", "found {}"),
    ("202603040500", "time '202603040500': expected ISO 8601"),
    ("-1772625600", "time '-1772625600': expected ISO 8601"),
    ("17726256001", "time '17726256001': expected ISO 8601"),
    ("1" + "0" * 99, "expected ISO 8601"),
]


@pytest.mark.parametrize("place", ["since", "until"])
@pytest.mark.parametrize(("given", "says"), NO_MOMENTS, ids=[given[:20] for given, _ in NO_MOMENTS])
def test_what_could_be_a_slip_is_no_moment(served: Served, place: str, given: str, says: str) -> None:
    asker, headers = served.as_("operator"), {"Content-Type": "application/json"}
    body = f'{{"{place}": {given}}}'.encode()
    line = refused(asker.post("/query/count", content=body, headers=headers), 400, says)
    assert line.startswith(f"{place}: ") and len(line) < 400
    assert refused(asker.post("/export/csv", content=body, headers=headers), 400) == line


def test_bodies_that_are_no_words(served: Served) -> None:
    asker = served.as_("operator")
    json_ = {"Content-Type": "application/json"}
    refused(asker.post("/query/count", content=b"{", headers=json_), 400, "the body is no JSON")
    refused(asker.post("/query/count", content=b"[1]", headers=json_), 400)
    refused(asker.post("/query/count", content=b"[" * 60_000, headers=json_), 400)
    refused(asker.post("/query/count", content=b'{"since": 1' + b"0" * 5000 + b"}", headers=json_), 400)
    refused(asker.post("/query/count"), 400, "missing")
    refused(asker.post("/query/count", content=b"filter=tcp", headers={"Content-Type": "text/plain"}), 415)
    refused(asker.post("/query/count", content=b"{}"), 415, "expected application/json")
    refused(asker.get("/query/cuont"), 404, "no verb 'cuont'")
    refused(asker.put("/query/count", json={}), 405)
    refused(
        asker.get("/query/count", headers={"Accept": "image/png"}), 406, "expected one of application/json, text/csv"
    )


def test_a_cell_is_never_a_formula(tmp_path: Path) -> None:
    payload = b"=cmd|' /C calc'!A0"
    capture = write_pcap(tmp_path / "formula.pcap", [(NOW * 10**9, udp(1, DARK, 53, payload))])
    store = ingest(tmp_path / "STORE", capture)
    with world(tmp_path, store) as served:
        text = served.as_("operator").get("/query/payloads", headers={"Accept": "text/csv"}).text
    [row] = list(csv.DictReader(io.StringIO(text)))
    assert row["text"] == f"'{payload.decode()}"
    assert all(cell[:1] not in ("=", "+", "-", "@") for cell in row.values())


class Halves:
    """A telescope of which some sensors are silent."""

    def __init__(self, telescope: Telescope, silent: dict[str, str], error: Exception | None = None) -> None:
        self.telescope, self.silent, self.error = telescope, silent, error

    def ask(self, request: Request) -> Answer:
        if self.error is not None:
            raise self.error
        answer = self.telescope.ask(request)
        return Answer(
            answer.table,
            dataclasses.replace(
                answer.record, silent=self.silent, asked=("a", "b")[: 1 + ("b" in self.silent)], took={"a": 0.25}
            ),
        )


def test_an_answer_says_who_is_silent_and_none_is_503(tmp_path: Path, one_store: Path) -> None:
    why = "no answer from 192.0.2.7:8815 within 2 s"
    with world(tmp_path, one_store, telescope=Halves(ims.open(one_store), {"b": why})) as served:
        record = served.as_("operator").get("/query/count").json()["answer"]
        assert (record["asked"], record["answered"], record["silent"]) == (["a", "b"], ["a"], {"b": why})
        assert record["losses"] == [f"b did not answer: {why}"]
        for role in ("viewer", "analyst"):
            found = served.as_(role).get("/query/count")
            assert list(found.json()["answer"]["silent"]) == ["b"] and found.json()["answer"]["took"] == {}
            assert b"192.0.2.7" not in found.content


FAULTS = [
    (OSError(f"the store can't be read: {Path('/srv/secret/store')}/x.parquet at 198.51.100.7"), 503),
    (ValueError("/srv/secret/store would answer with more than 10 rows"), 500),
    (MemoryError("out of /srv/secret/memory"), 400),
    (KeyError("/srv/secret/key"), 500),
]


@pytest.mark.parametrize(("fault", "status"), FAULTS)
def test_faults_name_nothing_of_ours(tmp_path: Path, one_store: Path, fault: Exception, status: int) -> None:
    with world(tmp_path, one_store, telescope=Halves(ims.open(one_store), {}, fault)) as served:
        for role in ("viewer", "analyst", "operator"):
            line = refused(served.as_(role).get("/query/count"), status)
            assert "secret" not in line
            assert role == "operator" or "198.51.100.7" not in line
    with world(tmp_path / "gone", one_store, telescope=Halves(ims.open(one_store), {"a": "it is gone"})) as served:
        refused(served.as_("operator").get("/query/count"), 503, "no sensor answered; a did not answer: it is gone")


def test_more_rows_than_a_role_may_have_are_refused(tmp_path: Path, one_store: Path) -> None:
    limits = Limits(rows={"viewer": 5, "analyst": 5, "operator": 20})
    with world(tmp_path, one_store, limits=limits) as served:
        says = "the answer has more than 5 rows, the most for analysts"
        refused(served.as_("analyst").get("/query/series?bin=1h"), 400, says)
        refused(served.as_("analyst").get("/query/top?column=destination_port&limit=6"), 400, "at most 5 rows")
        assert len(served.as_("analyst").get("/query/top?column=destination_port&limit=5").json()["rows"]) == 5
        refused(served.as_("viewer").get("/query/series?bin=1h&since=2026-03-04"), 400, "the most for viewers")
        refused(served.as_("operator").get("/query/series?bin=1m"), 400, "the most for operators")


def test_who_asked_what_is_written_down(tmp_path: Path, one_store: Path) -> None:
    with world(tmp_path, one_store) as served:
        id = served.as_("operator").get("/query/count?filter=udp&since=2026-03-04").headers["x-request-id"]
        served.as_("viewer").post("/query/packets", json={})
        served.as_(None).get("/query/count")
        served.as_(None).get("/health")
        [first, second], [third] = served.world.audited(), served.world.audited("audit-unknown.jsonl")
    assert first["request"] == id
    assert (first["caller"], first["role"], first["client"], first["verb"]) == (
        "operator",
        "operator",
        "127.0.0.1",
        "count",
    )
    assert first["words"] == {"filter": "udp", "since": "2026-03-04"} and first["since"].startswith("2026-03-04T")
    assert (first["status"], first["rows"]) == (200, 1) and first["seconds"] > 0
    assert (second["caller"], second["status"], second["verb"]) == ("viewer", 403, "packets")
    assert third["status"] == 401 and "caller" not in third


def test_the_steps_that_somebody_asked_for_are_written_down(tmp_path: Path, one_store: Path) -> None:
    words = {"first": "udp", "then": ["ip", "payload"], "within": "1h", "at": "sensor", "bin": "2h"}
    with world(tmp_path, one_store) as served:
        served.as_("operator").post("/query/chain", json=words)
        served.as_("operator").get("/query/chain", params=words)
        served.as_("viewer").post("/query/chain", json=words)
        served.as_("operator").post("/query/chain", json={**words, "then": "tpc"})
        lines = served.world.audited()
    assert [(line["status"], line["verb"]) for line in lines] == [(each, "chain") for each in (200, 200, 403, 400)]
    for line in lines[:3]:
        assert line["words"] == words


def test_every_verb_is_there() -> None:
    assert set(VERBS) == {verb for verb, _ in QUESTIONS}


MOMENTS = [
    "0001-01-01", "0001-01-01T00:00+14:00", "0000-01-01", "1899-12-31T23:59:59.999999", "1900-01-01", "1900-01-01T00:30", "1900-01-08",
    "1900-01-01T00:00+23:59", "1900-W01-1", "19000101", "1969-12-31T23:59:59.999999", "1970-01-01", 0, "0", 10**9, 10**18, 10**19 - 1,
    2**63 - 1, 2**63, 2**64, -1, "-1", "1" * 64, "2399-12-31T23:59:59.999999", "2399-12-31T23:59-23:59", "2400-01-01", "9999-12-31",
    "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59-14:00", "24000101",
]  # fmt: skip
BINS: list[tuple[str, dict[str, Any]]] = [
    ("count", {}), ("series", {"bin": "1h"}), ("series", {"bin": "52w", "group": "block"}), ("cache", {"bin": "366d"}), ("coverage", {}),
    ("series", {"bin": "1ms", "per_24": True}), ("top", {"column": "destination_port", "per_24": True}),
]  # fmt: skip


@pytest.mark.parametrize("role", sampled(["operator", "analyst", "viewer"], ["viewer"]))
def test_every_moment_is_answered_or_refused_by_every_role(served: Served, role: str) -> None:
    """The first and the last years that may be asked for too, from which viewers' bins and spans reach further."""
    asker = served.as_(role)
    given = [{name: moment} for name in ("since", "until") for moment in MOMENTS]
    given += [{"since": "1900-01-01", "until": moment} for moment in MOMENTS]
    for at, words in enumerate(pick(given, given[::3])):
        for verb, more in pick(BINS, [BINS[at % len(BINS)]]):
            found = asker.post(f"/query/{verb}", json={**more, **words})
            assert found.status_code in (200, 400, 403), (verb, words, found.text)
            told = found.json().get("error", "")
            assert "189" not in told or "189" in str(words), f"{told}: of {words}"


def test_the_first_moment_is_a_viewer_s_too(served: Served) -> None:
    """What a viewer's question without a beginning reaches back to begins no earlier than what may be asked."""
    refused(
        served.as_("viewer").post("/query/count", json={"until": "1900-01-01"}), 403, "viewers are shown whole bins"
    )
    assert served.as_("viewer").post("/query/count", json={"until": "1900-01-02"}).status_code == 200
