"""A deployment's metrics, scraped while it answers: they add up, and promtool finds nothing to say against them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ims.portal.metrics import verb_of

from ..free_port import free_port
from ..stores import needs_programs
from .deployment import Deployment

Scraped = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("metrics") / "D", {"a": one_store}, metrics=f"127.0.0.1:{free_port()}")
    endpoint = f"127.0.0.1:{free_port()}"
    try:
        started = [made.start_sensor("a", metrics=endpoint), made.start_portal()]
        made.endpoints = {"queryd": endpoint, "portal": made.settings["metrics"]}  # type: ignore[attr-defined]
        for process in started:
            process.until("listening")
        assert made.portal is not None
        made.portal.until("sensor", state="answers")
        yield made
    finally:
        made.stop()


def text_of(deployment: Deployment, daemon: str) -> str:
    return httpx.get(f"http://{deployment.endpoints[daemon]}/metrics", timeout=60).text  # type: ignore[attr-defined]


def scraped(deployment: Deployment, daemon: str) -> Scraped:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text_of(deployment, daemon))
        for sample in family.samples
    }


def total(found: Scraped, name: str) -> float:
    return sum(value for key, value in found.items() if key[0] == name)


def asked(deployment: Deployment, path: str, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{deployment.url}/api/v1/{path}", headers=headers, timeout=60).status_code


def test_questions_are_counted_once_at_both_ends_while_they_are_scraped(deployment: Deployment) -> None:
    before = {daemon: scraped(deployment, daemon) for daemon in ("queryd", "portal")}
    operator = deployment.tokens["operator"]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(asked, deployment, f"query/count?filter=ttl<{n}", operator) for n in range(8)]
        scrapes = [pool.submit(scraped, deployment, daemon) for daemon in ("queryd", "portal") * 4]
        assert [answer.result() for answer in answers] == [200] * 8
        assert all(scrape.result() for scrape in scrapes)
    portal, queryd = scraped(deployment, "portal"), scraped(deployment, "queryd")
    while queryd["ims_queryd_questions_total", "answered", "count"] < 8:  # counted once all of it was taken
        queryd = scraped(deployment, "queryd")
    assert portal["ims_portal_questions_total", "answered", "count"] == 8
    assert total(portal, "ims_portal_questions_total") == portal["ims_portal_question_seconds_count",] == 8
    assert portal["ims_portal_sent_bytes_total",] > before["portal"]["ims_portal_sent_bytes_total",] + 8 * 100
    assert queryd["ims_queryd_questions_total", "answered", "count"] == 8
    assert total(queryd, "ims_queryd_questions_total") == queryd["ims_queryd_question_seconds_count",]
    assert queryd["ims_queryd_sent_bytes_total",] > before["queryd"]["ims_queryd_sent_bytes_total",]
    assert portal["ims_portal_running",] == portal["ims_portal_waiting",] == queryd["ims_queryd_running",] == 0


def test_who_is_refused_is_counted_by_why(deployment: Deployment) -> None:
    viewer, operator = deployment.tokens["viewer"], deployment.tokens["operator"]
    before = scraped(deployment, "portal")
    assert asked(deployment, "query/count", None) == 401
    assert asked(deployment, "query/packets", viewer) == 403
    assert asked(deployment, "query/count?filter=tpc", operator) == 400
    assert asked(deployment, "query/" + "x" * 50, operator) == 404
    found = scraped(deployment, "portal")
    for reason in ("unknown_caller", "forbidden", "wrong", "not_found"):
        key = "ims_portal_refused_total", reason
        assert found[key] == before[key] + 1, reason
    assert found["ims_portal_questions_total", "forbidden", "packets"] == 1
    assert not [key for key in found if "x" * 50 in key]  # what a caller makes up is no label


def test_sensors_and_certificates_are_told(deployment: Deployment) -> None:
    portal, queryd = scraped(deployment, "portal"), scraped(deployment, "queryd")
    assert [portal["ims_portal_sensors", state] for state in ("answers", "silent", "unknown")] == [1, 0, 0]
    assert portal["ims_portal_sensor_answering", "a"] == 1
    assert portal["ims_portal_sensor_watching", "a"] == 0  # a store of captures
    assert queryd["ims_queryd_problem",] == 0
    expires = portal["ims_portal_sensor_certificate_expiry_timestamp_seconds", "a"]
    assert expires == queryd["ims_queryd_certificate_expiry_timestamp_seconds",]
    assert portal["ims_portal_certificate_expiry_timestamp_seconds",] > 1.7e9


@needs_programs("promtool")
@pytest.mark.parametrize("daemon", ["queryd", "portal"])
def test_promtool_has_nothing_against_them(deployment: Deployment, daemon: str) -> None:
    words = ["promtool", "check", "metrics"]
    done = subprocess.run(words, input=text_of(deployment, daemon), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_verb_is_one_of_few() -> None:
    assert [verb_of(path) for path in ("/query/count", "/query/x", "/export/pcap", "/payloads/00ff", "/me", "")] == [
        "count", None, "export", "payload", None, None,
    ]  # fmt: skip
