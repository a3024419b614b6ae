"""Every verb, asked of a real portal by every role, printed in every format: rows as that role sees them, and what it
isn't shown is said; or one line that refuses. Never a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from ims.cli.options import FORMATS
from ims.export import FORMATS as KINDS
from ims.query.verbs import VERBS

from ..portal.deployment import Deployment, deployed
from ..query.words import line_of
from ..stores import MIDNIGHT, cli, ingest, udp, write_pcap

ROLES = ("viewer", "analyst", "operator")
DARK = 0xC633_6409
PAYLOADS = (b"hello", b"Host: 198.51.100.9")
DAY = ("--since", "2026-03-04", "--until", "2026-03-05")
WORDS: dict[str, tuple[str, ...]] = {"packets": ("--limit", "300"), "chain": (*line_of("chain"), "--at", "sensor")}
TELLING = re.compile(r"198\.51\.100\.\d|Host: 198")
HIDDEN = {"destination", "tcp_sequence", "tcp_acknowledgment", "icmp_rest"}
SHOWN = ["time", "sensor", "source", "destination", "what", "ttl", "bytes", "payload", "category"]
"""A packet's columns in a table."""

Ask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Iterator[Deployment]:
    """A day of a /24, with payloads that hold one of its addresses, and packets that come from one."""
    folder = tmp_path_factory.mktemp("roles of a portal")
    packets = [
        (MIDNIGHT + at * 1_000_000, udp(DARK if at % 9 == 0 else 0xCB00_7100 + at % 50, DARK, 53, PAYLOADS[at % 2]))
        for at in range(200)
    ]
    store = ingest(folder / "STORE", samples[1], write_pcap(folder / "x.pcap", packets))
    blocks = {"a": [("C/24", "198.51.100.0/24")]}
    secrecy = {"viewer_threshold": 5, "viewer_noise": 0}
    with deployed(folder / "deployment", {"a": store}, blocks=blocks, secrecy=secrecy) as deployment:
        deployment.heard()
        yield deployment


@pytest.fixture(scope="module")
def whole(ask: Ask) -> Ask:
    """What an operator is printed, asked for once."""
    return cache(partial(ask, "operator"))


@pytest.fixture(scope="module")
def ask(portal: Deployment) -> Ask:
    def asking(role: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"IMS_TOKEN": portal.tokens[role]}
        return cli(*words, "--portal", portal.url, env=environment)

    return asking


def names_of(printed: str, verb: str, format: str) -> list[str]:
    """The columns that were printed."""
    if format == "json":
        rows = json.loads(printed)
        return list(rows if verb == "count" else rows[0])
    if format == "csv":
        return next(csv.reader(io.StringIO(printed)))
    if verb == "count":
        return [line.split()[0] for line in printed.splitlines()[2:] if line.split()][: -1 or None]
    return printed.split("\n", 1)[0].split()


REFUSED: dict[str, dict[str, str]] = {
    "viewer": dict.fromkeys(
        ("packets", "payloads", "sources", "chain", "local", "sightings", "novelty", "storage"), "viewers aren't shown"
    ),
    "analyst": {"local": "local isn't shown to analysts"},
    "operator": {},
}
ABSENT: dict[tuple[str, str], set[str]] = {
    ("viewer", "coverage"): {"prefix", "policy", "frames_lost", "payloads_lost"},
    ("analyst", "coverage"): {"prefix"},
    ("analyst", "storage"): {"stored_packets", "stored_bytes"},
    ("viewer", "darknet"): {"answering"},
    ("analyst", "packets"): HIDDEN,
}
"""Columns that a role doesn't get."""
INTERVALS: dict[str, list[str]] = {
    "count": ["packets", "bytes", "sources", "payloads"], "series": [""], "top": [""],
    "cache": ["payloads", "hits", "payloads_without_icmp_errors", "hits_without_icmp_errors"],
}  # fmt: skip
"""Columns that viewers get an interval of besides."""
SAID: dict[tuple[str, str], list[str]] = {
    ("viewer", "count"): [
        "viewers are shown no packets of 1h below ",
        "destinations, first, last and what was lost aren't",
    ],
    ("viewer", "series"): ["viewers are shown no packets of 1h below ", "what was lost isn't shown to viewers"],
    ("viewer", "top"): ["viewers are shown no packets of 1h below ", "what was lost isn't shown to viewers"],
    ("viewer", "cache"): ["viewers are shown no payloads of 1h below ", "what was lost isn't shown to viewers"],
    ("viewer", "coverage"): ["prefix, policy and what was lost aren't shown to viewers"],
    ("viewer", "darknet"): ["answering isn't shown to viewers; addresses are all that"],
    ("analyst", "packets"): ["destination, tcp_sequence, tcp_acknowledgment, icmp_rest aren't shown to analysts"],
    ("analyst", "payloads"): ["of a payload that holds a monitored address, or that isn't stored, analysts are shown"],
    ("analyst", "sources"): ["monitored addresses are left out of sources"],
    ("analyst", "chain"): [
        "the signature of a payload that holds a monitored address",
        "monitored addresses are left out of sources",
    ],
    ("analyst", "sightings"): ["the signature of a payload that holds a monitored address"],
    ("analyst", "storage"): ["stored_packets and stored_bytes aren't shown to analysts"],
    ("analyst", "coverage"): ["prefix isn't shown to analysts, and of policy the first word"],
}
"""How the lines begin that say what a role isn't shown."""


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("role", ROLES)
def test_every_verb_is_printed_for_every_role_in_every_format(ask: Ask, whole: Ask, role: str, verb: str) -> None:
    words = ("query", verb, *WORDS.get(verb, line_of(verb)), *DAY)
    for format in FORMATS:
        done = (whole if role == "operator" else partial(ask, role))(*words, "--format", format)
        if verb in REFUSED[role]:
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
            assert done.stderr.startswith(f"ims: {REFUSED[role][verb]}")
            continue
        assert done.returncode == 0, done.stderr
        full = whole(*words, "--format", format)
        columns, all_columns = (names_of(one.stdout, verb, format) for one in (done, full))
        absent = ABSENT.get((role, verb), set())
        if (verb, format) == ("packets", "table"):
            assert columns == all_columns == SHOWN
        else:
            sides = ("low", "high") if role == "viewer" else ()
            more = [f"{name}_{side}".strip("_") for name in INTERVALS.get(verb, ()) for side in sides]
            assert columns == [name for name in all_columns if name not in absent] + more
            assert absent <= set(all_columns)
        assert (TELLING.search(done.stdout + done.stderr) is not None) == (
            role == "operator" and verb in ("packets", "payloads", "sources", "chain", "coverage", "sightings")
        ), done.stdout
        said = [line.removeprefix("ims: ") for line in done.stderr.splitlines()]
        for begins in SAID.get((role, verb), []):
            assert any(line.startswith(begins) for line in said), (begins, said)
        if (role, verb) not in SAID:
            assert not any("shown to" in line or "are shown" in line or "left out of sources" in line for line in said)


@pytest.mark.parametrize("role", ROLES)
def test_every_kind_of_export_is_written_or_refused_in_one_line(ask: Ask, tmp_path: Path, role: str) -> None:
    for kind in KINDS:
        done = ask(role, "export", kind, "udp", *DAY, "--out", tmp_path / f"x.{kind}")
        if role == "operator":
            assert (done.returncode, (tmp_path / f"x.{kind}").exists()) == (0, True), done.stderr
        else:
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == f"ims: this is for operators; your role is {role}\n"
            assert list(tmp_path.iterdir()) == []


def test_what_is_withheld_of_a_payload_is_no_hole_in_the_table(ask: Ask) -> None:
    """Its counts stand in the table; its octets aren't dumped, and nobody is told that they weren't kept."""
    said = ask("analyst", "query", "payloads", "udp dst port 53", *DAY).stdout
    rows = json.loads(ask("analyst", "query", "payloads", "udp dst port 53", *DAY, "--format", "json").stdout)
    withheld = [row for row in rows if row["signature"] is None]
    assert [row["packets"] for row in withheld] == [100] and withheld[0]["text"] is None
    assert "68 65 6c 6c 6f" in said and "not kept" not in said
    packets = ask("analyst", "query", "packets", "udp dst port 53", *DAY).stdout
    assert "withheld, 18 bytes" in packets and re.search(r"withheld:1024 +C/24:53", packets)


LATE = {
    (): "viewers are shown whole bins of 1h that are at least 1h old: here from ",
    ("--since", "2026-03-04T00:30", "--until", "2026-03-05"): "viewers are shown whole bins of 1h that are at least 1h "
    "old: here from 2026-03-04T01:00:00Z to 2026-03-05T00:00:00Z",
}


@pytest.mark.parametrize("range", LATE)
def test_what_is_too_recent_or_cut_is_said_and_never_called_nothing(ask: Ask, range: tuple[str, ...]) -> None:
    for words in (("top", "block"), ("series", "--group", "block"), ("coverage",), ("count",)):
        done = ask("viewer", "query", *words, *range)
        assert done.returncode == 0, done.stderr
        assert "nothing found" not in done.stdout
        assert any(line.startswith(f"ims: {LATE[range]}") for line in done.stderr.splitlines()), done.stderr
        if not range and words[0] != "count":
            assert done.stdout.startswith("nothing that you are shown\n")
    assert "whole bins of 1h" not in ask("operator", "query", "top", "block", *range).stderr


def test_only_operators_are_told_that_nothing_was_found(ask: Ask) -> None:
    nobody = ("query", "top", "block", "block nowhere", *DAY)
    assert ask("operator", *nobody).stdout.startswith("nothing found\n")
    assert ask("viewer", *nobody).stdout.startswith("nothing that you are shown\n")


@pytest.mark.parametrize("verb", ["series", "cache"])
def test_bins_that_are_wider_than_was_asked_are_said(ask: Ask, verb: str) -> None:
    done = ask("viewer", "query", verb, "--bin", "1m", *DAY, "--format", "json")
    assert len(json.loads(done.stdout)) == 24
    assert "ims: bins are 1h wide, not 1m: viewers are shown none narrower\n" in done.stderr
    assert "none narrower" not in ask("viewer", "query", verb, "--bin", "2h", *DAY).stderr


def test_the_record_says_it_too(portal: Deployment) -> None:
    """To programs: in JSON, in Arrow's metadata, and beside CSV in a header."""
    words: dict[str, Any] = {"bin": "1m", "since": "2026-03-04T00:30", "until": "2026-03-05"}
    headers = {"Authorization": f"Bearer {portal.tokens['viewer']}"}
    with portal.telescope("viewer") as telescope:
        lines = telescope.series(**words).record.withheld
    assert [line.split(":")[0] for line in lines] == [
        "viewers are shown whole bins of 1h that are at least 1h old",
        "bins are 1h wide, not 1m",
        "viewers are shown no packets of 1h below 5; what isn't shown may be less, or nothing, and counts as nothing",
        "what was lost isn't shown to viewers",
    ]
    url = f"{portal.url}/api/v1/query/series"
    told = httpx.post(url, json=words, headers=headers, trust_env=False).json()["answer"]
    assert told["withheld"] == list(lines)
    cells = httpx.post(url, json=words, headers=headers | {"Accept": "text/csv"}, trust_env=False)
    assert cells.headers["X-IMS-Notes"] == "; ".join(lines)
    with portal.telescope("operator") as telescope:
        assert telescope.series(**words).record.withheld == ()


PAGE = (Path(__file__).parents[2] / "docs" / "secrecy.md").read_text()


def cell(row: str, role: str) -> str:
    """What docs/secrecy.md's first table says for a role."""
    [line] = re.findall(rf"^\| `?{re.escape(row)}`? \|.*$", PAGE, re.MULTILINE)
    return str(dict(zip(("operator", "analyst", "viewer"), line.strip("| ").split(" | ")[1:], strict=True))[role])


@pytest.mark.parametrize("role", ROLES)
def test_sensors_and_coverage_show_what_the_page_of_secrecy_says(portal: Deployment, ask: Ask, role: str) -> None:
    period, *_ = json.loads(ask(role, "query", "coverage", *DAY, "--format", "json").stdout)
    headers = {"Authorization": f"Bearer {portal.tokens[role]}"}
    [sensor] = httpx.get(f"{portal.url}/api/v1/sensors", headers=headers, trust_env=False).json()["sensors"]
    for row, found in (("coverage", period), ("/sensors", sensor)):
        said = cell(row, role)
        if role == "operator":
            assert said == "all" and {"coverage": "prefix", "/sensors": "address"}[row] in found
        else:
            assert sorted(re.findall(r"`(\w+)`", said)) == sorted(found)
    if role == "viewer":
        assert all(re.search(r":00:00\.000000Z$", period[name]) for name in ("since", "until"))
        assert sensor["why"] is None
