"""Analyses at the portal: made of what the caller is shown, under the limits of questions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.result_reader import from_json
from ims.origin.origins import OriginFiles, Origins
from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings
from ims.portal.services import Limits
from ims.query.answer import Answer
from ims.query.request import Request
from ims.stores_backend import StoresBackend
from ims.telescope import Telescope

from ...analyse.conftest import rates_store  # noqa: F401  (a fixture)
from ...analyse.origin_analysis import cities
from ...analyse.payload_store import payload_store  # noqa: F401  (a fixture)
from ...analyse.worm_store import DECLINE, DOUBLING, HALF_LIFE, worm_store  # noqa: F401  (a fixture)
from ...effort import share
from ...origin.mmdb_files import city, write_mmdb
from ...query.words import needed, needed_by_analysis
from .served import NOW, ROLES, Served, lookup_in, world

PLANTED = "198.51.100.77"
"""A monitored address in the reason why a sensor is silent, as a peer's error has it."""
REFUSED = {
    *(("viewer", name) for name in ("local-preference", "signature", "storage", "new-payloads", "chain", "exchange")),
    *(("analyst", name) for name in ("local-preference", "exchange")),
}
"""Who may not ask an analysis at all."""
VERB = {"chain": "chain", "local-preference": "local", "storage": "storage", "new-payloads": "novelty"}
"""Of an analysis, the verb that a role may not ask, if it isn't any."""
MONITORED = re.compile(r"198\.51\.100\.\d|203\.0\.113\.\d|10\.0\.[01]\.\d")


class Partial(StoresBackend):
    """Stores with a sensor that doesn't answer."""

    def run(self, request: Request) -> Answer:
        answer = super().run(request)
        why = f"connect to {PLANTED}:8815 refused, /var/lib/ims/secret/file"
        return Answer(answer.table, replace(answer.record, asked=(*answer.record.sensors, "z"), silent={"z": why}))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, rates_store: Path) -> Iterator[Served]:  # noqa: F811
    folder = tmp_path_factory.mktemp("analyses")
    with world(folder, rates_store, telescope=Telescope(backend=Partial([rates_store]))) as served:
        yield served


@pytest.fixture(params=ANALYSES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_list_has_every_analysis_with_its_words(portal: Served) -> None:
    for role in ROLES:
        found = portal.as_(role).get("/analyses").json()["analyses"]
        assert [each["name"] for each in found] == list(ANALYSES)
        for each in found:
            analysis = ANALYSES[each["name"]]
            assert each["parameters"] == [one.name for one in analysis.remote] and each["paper"] == analysis.paper
            assert [quantity["unit"] for quantity in each["estimates"]] == [q.unit for q in analysis.estimates]


def test_an_operator_has_the_store_s_own_result(served: Served, one_store: Path, name: str) -> None:
    words = {"filter": "udp", **needed_by_analysis(name)}
    with ims.open(one_store) as telescope:
        own = telescope.analysis(name, words).to_json()
    asker, path = served.as_("operator"), f"/analyses/{name}"
    ways = (partial(asker.post, path, json=words), partial(asker.get, path, params=words))
    for ask in share(ways, list(ANALYSES).index(name), 2):
        reply = ask()
        assert reply.status_code == 200 and reply.text == own


def test_a_remote_telescope_has_it_too(served: Served, one_store: Path) -> None:
    with (
        ims.open(served.url, token=served.world.tokens["operator"]) as remote,
        ims.open(one_store) as telescope,
    ):
        words = {"bin": 600, "since": 1_772_582_400, "until": "2026-03-04T12:00"}
        assert remote.analyse.rate("udp", **words).to_json() == telescope.analyse.rate("udp", **words).to_json()
        with pytest.raises(ValueError, match="meant udp"):
            remote.analyse.rate("upd")


@pytest.mark.parametrize("role", ROLES)
def test_no_monitored_address_reaches_who_may_not_see_it(portal: Served, role: str, name: str, tmp_path: Path) -> None:
    """Neither in estimates, rows, series or notes, nor in a figure of them; an operator sees where the sensor is."""
    words = {"since": "2026-03-04", "until": "2026-03-05", **needed_by_analysis(name)}
    reply = portal.as_(role).post(f"/analyses/{name}", json=words)
    if (role, name) in REFUSED:
        assert reply.status_code == 403 and "shown" in reply.json()["error"] and not MONITORED.search(reply.text)
        return
    assert reply.status_code == 200, reply.text
    result = from_json(reply.json())
    assert any("z did not answer" in note for note in result.notes)
    if role == "operator":
        assert PLANTED in reply.text and "secret/file" not in reply.text
        return
    texts = [reply.text, result.plot() or "", repr(result._repr_mimebundle_())]
    if name == "circadian":
        assert result.figure() is None, "a day has nothing that repeats each day"
    elif name == "ports":
        assert result.figure() is None, "a day is too short for two levels"
    else:
        result.save(tmp_path / "x.svg")
        texts.append((tmp_path / "x.svg").read_text())
    assert not any(MONITORED.search(text) for text in texts)
    assert not any("secret/file" in text for text in texts)


def test_a_payload_that_holds_a_monitored_address_is_withheld_from_an_analyst(
    tmp_path: Path,
    payload_store: Path,  # noqa: F811
) -> None:
    """In rows, series, text and figure; the others are told apart, and the one that appeared is found."""
    with world(tmp_path / "world", payload_store, octets=lookup_in(payload_store)) as served:
        words = {"filter": "udp dst port 1434", "top": 24}
        reply, own = (served.as_(role).post("/analyses/signature", json=words) for role in ("analyst", "operator"))
        assert reply.status_code == 200, reply.text
        result = from_json(reply.json())
    [row] = [row for row in result.rows.to_pylist() if row["signature"] == "withheld"]
    dark = [row for row in from_json(own.json()).rows.to_pylist() if "198.51.100.77" in (row["text"] or "")]
    assert [each["packets"] for each in dark] == [row["packets"]] and row["text"] is None
    result.save(tmp_path / "x.svg")
    for text in (reply.text, result.plot() or "", (tmp_path / "x.svg").read_text()):
        assert not MONITORED.search(text) and dark[0]["signature"] not in text and dark[0]["signature"][:8] not in text
    assert [row["text"] for row in result.rows.to_pylist() if row["appeared"]] == ["new one"]


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_what_verbs_refuse_a_role_analyses_refuse_it(portal: Served, role: str, name: str) -> None:
    for filter in ("dst net 198.51.100.0/25", "host 198.51.100.9", "tcp[4:4] = ip[16:4]"):
        verb = VERB.get(name, "count")
        asked = {f"/analyses/{name}": needed_by_analysis(name), f"/query/{verb}": needed(verb)}
        replies = [portal.as_(role).post(path, json={"filter": filter, **words}) for path, words in asked.items()]
        if ANALYSES[name].refusal:  # whatever is asked
            assert replies[0].status_code == 403
            continue
        assert [reply.status_code for reply in replies] == [403, 403]
        assert replies[0].json() == replies[1].json()


@pytest.mark.parametrize("role", ["viewer", "analyst"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_step_that_a_role_may_not_ask_is_refused_in_the_analysis_too(portal: Served, role: str, place: int) -> None:
    steps = ["ip", "ip", "ip"]
    steps[place] = "dst net 198.51.100.0/25"
    reply = portal.as_(role).post("/analyses/chain", json={"first": steps[0], "then": steps[1:]})
    assert reply.status_code == 403 and not MONITORED.search(reply.text)


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_an_exchange_is_refused_by_rule_whatever_is_stored(portal: Served, served: Served, role: str) -> None:
    """With one line, whether the source is there, whether the words are right, and whoever else is silent."""
    line = (
        f"{role}s aren't shown exchange: its rows name monitored addresses; analysts may ask for the packets of "
        "'src host ADDRESS'"
    )
    for words in ({"source": "192.0.2.9"}, {"source": "192.0.2.250"}, {"source": "no address"},
                  {"source": "192.0.2.9", "filter": f"dst host {PLANTED}"}, {"source": PLANTED}):  # fmt: skip
        for reply in (portal.as_(role).post("/analyses/exchange", json=words),
                      served.as_(role).get("/analyses/exchange", params=words)):  # fmt: skip
            assert (reply.status_code, reply.json()) == (403, {"error": line})
    with ims.open(served.url, token=served.world.tokens[role]) as remote, pytest.raises(ValueError) as refused:
        remote.analyse.exchange(source="192.0.2.9")
    assert str(refused.value) == line
    packets = portal.as_("analyst").post("/query/packets", json={"filter": "src host 192.0.2.9"})
    assert packets.status_code == 200, "what the line says may be asked"


def test_a_viewer_has_whole_bins_of_published_cells(portal: Served) -> None:
    words = {"since": "2026-03-04", "until": "2026-03-04T08:00"}
    result = from_json(portal.as_("viewer").post("/analyses/rate", json=words).json())
    assert {row["time"].minute for row in result.series.to_pylist()} == {0}
    assert any("bins are 1h wide, not 5m" in note for note in result.notes)
    rates = {row["block"]: row["mean"] for row in result.rows.to_pylist()}
    assert rates == {
        "A/24": pytest.approx(0.1, rel=0.02),
        "B/25": pytest.approx(0.4, rel=0.02),
        "C/23": pytest.approx(1 / 300, rel=0.02),
    }
    assert result.darknet.slash24s == 3.5


def test_noise_of_a_viewer_s_figures_is_in_their_intervals(tmp_path: Path, rates_store: Path) -> None:  # noqa: F811
    settings = SecrecySettings(viewer_threshold=50, viewer_noise=2)
    secrecy = PrivacyPolicy(settings, lambda: [], lambda: float(NOW), bytes(32))
    with world(tmp_path / "world", rates_store, secrecy=secrecy) as served:
        words = {"since": "2026-03-04", "until": "2026-03-04T04:00"}
        result = from_json(served.as_("viewer").post("/analyses/rate", json=words).json())
    rows = [row for row in result.series.to_pylist() if row["block"] == "B/25"]
    assert rows and all(row["low"] <= 0.4 <= row["high"] for row in rows)
    exact = 720**0.5 * 1.96 / 1800  # half of a Poisson count's interval, without noise
    assert all(row["high"] - row["low"] > 2 * exact for row in rows)
    hidden = [row for row in result.series.to_pylist() if row["block"] == "C/23"]
    assert all(row["packets"] is None for row in hidden)  # 24 an hour are fewer than are published


def test_a_viewer_has_the_shape_of_an_outbreak_but_no_number_of_hosts(tmp_path: Path, worm_store: Path) -> None:  # noqa: F811
    """How often a source comes again is told by wider bins, which aren't shown to him; an analyst has both."""
    settings = SecrecySettings(viewer_threshold=5, viewer_noise=2)
    secrecy = PrivacyPolicy(settings, lambda: [], lambda: float(NOW), bytes(32))
    words = {"since": "2026-03-04", "until": "2026-03-05"}
    with world(tmp_path / "world", worm_store, secrecy=secrecy) as served:
        tcp = words | {"filter": "tcp"}
        replies = [
            served.as_(role).post("/analyses/outbreak", json=asked)
            for role, asked in (("viewer", words), ("analyst", tcp), ("viewer", tcp))
        ]
        verb = served.as_("viewer").post("/query/series", json=tcp | {"metric": "sources", "bin": "1h"})
    viewer, analyst = (from_json(reply.json()) for reply in replies[:2])
    for result in (viewer, analyst):
        for name, truth in (("doubling_time", DOUBLING), ("half_life", HALF_LIFE), ("decline_began", DECLINE)):
            estimate = result.estimates[name]
            assert estimate.low <= truth <= estimate.high
    for name in ("max_growth", "sources"):
        assert viewer.estimates[name].value is None and analyst.estimates[name].value is not None
    assert any("aren't shown to your role, so max_growth and sources" in note for note in viewer.notes)
    assert replies[2].status_code == verb.status_code == 403 and replies[2].json() == verb.json()


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        ({"filter": "tpc"}, 400, "filter, column 1: 'tpc'"),
        ({"bin": "0s"}, 400, "bin '0s': expected a positive number"),
        ({"since": "2026-03-05", "until": "2026-03-04"}, 400, "--since must be before --until"),
        ({"bins": "5m"}, 400, "unknown parameter 'bins'"),
        ({"since": 1.5}, 400, "expected ISO 8601"),
        ({"filter": "x" * 5000}, 400, "expected at most 4096 characters"),
    ],
)
def test_wrong_words_are_one_line(portal: Served, words: dict[str, Any], status: int, error: str) -> None:
    reply = portal.as_("analyst").post("/analyses/rate", json=words)
    assert reply.status_code == status and error in reply.json()["error"]


def test_refusals_are_those_of_questions(portal: Served) -> None:
    assert portal.as_(None).get("/analyses/rate").status_code == 401
    unknown = portal.as_("viewer").get("/analyses/rat")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "no analysis 'rat'; meant rate?"})
    assert portal.as_("viewer").get("/analyses/rate", headers={"Accept": "text/csv"}).status_code == 406


def test_an_answer_beyond_a_role_s_rows_is_refused(tmp_path: Path, one_store: Path) -> None:
    limits = Limits(rows={"viewer": 50, "analyst": 50, "operator": 100})
    with world(tmp_path / "world", one_store, limits=limits) as served:
        reply = served.as_("analyst").post("/analyses/rate", json={})
        assert reply.status_code == 400
        assert reply.json()["error"] == (
            "the answer has more than 50 rows, the most for analysts: ask for a shorter time, wider bins or a coarser group"
        )
        assert served.as_("analyst").post("/analyses/rate", json={"bin": "1h"}).status_code == 200


@pytest.mark.parametrize(("role", "rows"), [("analyst", 20), ("operator", 30)])
def test_payloads_beyond_a_role_s_rows_are_left_out_and_counted(
    role: str,
    rows: int,
    tmp_path: Path,
    payload_store: Path,  # noqa: F811
) -> None:
    limits = Limits(rows={"viewer": 10, "analyst": 20, "operator": 30})
    words: dict[str, Any] = {"bin": "2d", "history": "6h"}
    with ims.open(payload_store) as telescope:
        whole = telescope.analyse.new_payloads(**words)
    joined = [re.match(r"(\d+) payloads? of places that had just joined: not listed", note) for note in whole.notes]
    count = len(whole.rows) + sum(int(found[1]) for found in joined if found)
    assert len(whole.rows) > 30
    with world(tmp_path / "world", payload_store, limits=limits) as served:
        reply = served.as_(role).post("/analyses/new-payloads", json=words)
    assert reply.status_code == 200, reply.text
    assert len(reply.json()["rows"]) <= rows
    assert any(re.match(rf"rows are of \d+ of {count} payloads", note) for note in reply.json()["notes"])


def test_the_audit_log_has_who_analysed_what(served: Served) -> None:
    served.as_("analyst").post("/analyses/rate", json={"filter": "udp", "since": "2026-03-04"})
    line = served.world.audited()[-1]
    assert (line["caller"], line["verb"]) == ("analyst", "analyse rate")
    assert line["words"] == {"filter": "udp", "since": "2026-03-04"}
    assert line["since"].startswith("2026-03-04") and line["rows"] == 1 and line["silent"] == []


def test_no_sensor_that_answers_is_503(tmp_path: Path, one_store: Path) -> None:
    class Silent(StoresBackend):
        def run(self, request: Request) -> Answer:
            answer = super().run(request)
            return Answer(answer.table, replace(answer.record, asked=("a",), silent={"a": "gone"}))

    with world(tmp_path / "world", one_store, telescope=Telescope(backend=Silent([one_store]))) as served:
        reply = served.as_("operator").post("/analyses/rate", json={})
    assert reply.status_code == 503 and "no sensor answered" in reply.json()["error"]


def test_large_results_are_sent_in_pieces(served: Served) -> None:
    reply = served.as_("operator").post("/analyses/rate", json={"bin": "5s"})
    assert reply.status_code == 200 and len(json.loads(reply.text)["series"]) > 10_000


def asked(served: Served, role: str = "operator", **words: Any) -> tuple[int, Any]:
    reply = served.as_(role).post("/analyses/circadian", json={"by": "country"} | words)
    return reply.status_code, reply.json().get("error") or reply.json()


def test_a_portal_uses_its_own_files_and_their_newer_ones(tmp_path: Path, rates_store: Path) -> None:  # noqa: F811
    files = OriginFiles([cities(tmp_path)])
    with world(tmp_path / "world", rates_store, origins=files.current) as served:
        for role in ROLES:
            status, found = asked(served, role, since="2026-03-04", until="2026-03-04T04:00")
            assert status == 200 and any(
                "countries and local time are as told by GeoLite2-City" in note for note in found["notes"]
            )
            assert found["options"] == {"bin": found["options"]["bin"], "by": "country"}
            assert str(tmp_path) not in json.dumps(found)
        write_mmdb(tmp_path / "new", {"192.0.2.0/24": city("XB")}, name="Another").replace(tmp_path / "cities.mmdb")
        assert any("countries and local time are as told by Another" in note for note in asked(served)[1]["notes"])


def test_a_caller_can_t_make_a_portal_read_a_file(tmp_path: Path, rates_store: Path) -> None:  # noqa: F811
    with world(tmp_path / "world", rates_store) as served:
        listed = {each["name"]: each["parameters"] for each in served.as_("viewer").get("/analyses").json()["analyses"]}
        assert listed["circadian"] == ["filter", "bin", "by", "since", "until"]
        status, line = asked(served, mmdb=["/etc/passwd"])
        assert status == 400 and "unknown parameter 'mmdb'" in line
        reply = served.as_("operator").get("/analyses/circadian", params={"by": "country", "mmdb": "/etc/passwd"})
        assert reply.status_code == 400
        with ims.open(served.url, token=served.world.tokens["operator"]) as remote:
            with pytest.raises(
                ValueError, match="mmdb: a portal uses files of its own, and takes none; ask without it"
            ):
                remote.analysis("circadian", {"by": "country", "mmdb": ["/etc/passwd"]})
            with pytest.raises(ValueError, match="this portal has no file that tells countries or AS"):
                remote.analysis("circadian", {"by": "country", "mmdb": None})
        assert asked(served, by="city") == (400, "by 'city': expected country or as")


def test_what_is_wrong_with_a_portal_s_file_is_its_operator_s(tmp_path: Path, rates_store: Path) -> None:  # noqa: F811
    """A record that can't be read is found only when it is asked for. The log has the file's name; callers don't."""
    origins = Origins([write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": {"country": {"iso_code": 7}}})])
    with world(tmp_path / "world", rates_store, origins=lambda: origins) as served:
        assert asked(served) == (503, "the portal's files of countries and AS can't be used now")
