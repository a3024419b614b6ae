"""How the portal and its sensors are, as each role is told, and whoever has no token."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ims.portal.api import status
from ims.portal.federation.monitored_space import MonitoredSpace
from ims.portal.federation.registry import RegisteredSensor
from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings

from .served import SENSORS, Served, refused, world

OTHERS_ONLY = ("version", "clock_offset", "certificate_days", "losing")


def test_where_sensors_are_reached_is_for_operators(served: Served) -> None:
    assert served.as_("operator").get("/sensors").json() == {"sensors": SENSORS}
    for role in ("viewer", "analyst"):
        sensor, dead = served.as_(role).get("/sensors").json()["sensors"]
        assert sensor["why"] == "connect to (address) refused"
        assert {
            name: SENSORS[0][name] for name in ("name", "blocks", "organisation", "state")
        }.items() <= sensor.items()
        assert not set(OTHERS_ONLY) & (set(sensor) | set(dead))
        assert (dead["watches"], dead["stores"]) == (False, False)
        analyst = role == "analyst"
        assert dead.get("last_packet") == (SENSORS[1]["last_packet"] if analyst else None)
        assert dead["why"] == (SENSORS[1]["why"] if analyst else None)


def test_without_a_token_there_is_health_and_no_more(served: Served) -> None:
    anyone = served.as_(None)
    assert anyone.get("/health").json() == {"status": "degraded", "why": "sensors: 1 silent, 1 watching nothing, of 2"}
    for path in ("/version", "/sensors", "/analyses", "/me", "/query/count", "/events"):
        refused(anyone.get(path), 401)
    assert served.as_("viewer").get("/version").json() == {"version": "0.1.0", "api": "v1"}


def test_that_it_isn_t_known_what_is_monitored_is_told(tmp_path: Path, one_store: Path) -> None:
    """Of a portal whose file of it is damaged: whoever isn't an operator gets nothing, and a monitor says why."""
    (tmp_path / "kept").write_bytes(b"{")
    watched = MonitoredSpace(lambda: [RegisteredSensor(name="a", address="127.0.0.1:1")], tmp_path / "kept")
    with world(tmp_path / "portal", one_store, secrecy=PrivacyPolicy(SecrecySettings(), watched.prefixes)) as served:
        for role, status in (("operator", 200), ("analyst", 503), ("viewer", 503)):
            assert served.as_(role).get("/query/count").status_code == status
        health = served.as_(None).get("/health").json()
        assert health["status"] == "degraded"
        assert "analysts and viewers aren't answered: it isn't known yet what each sensor watches" in health["why"]
        watched.note("a", ["198.51.100.0/24"])
        assert "analysts" not in served.as_(None).get("/health").json()["why"]
        assert served.as_("analyst").get("/query/count").status_code == 200


SILENT: dict[str, Any] = SENSORS[0]
WELL = SILENT | {"state": "answers", "why": None, "watches": True, "stores": True}


@pytest.mark.parametrize(
    ("sensors", "code", "said"),
    [
        ([], 503, "no sensor answers (none is registered)"),
        ([SILENT, SILENT], 503, "no sensor answers (2 silent)"),
        ([WELL], 200, None),
        ([WELL, SILENT], 200, "sensors: 1 silent, of 2"),
    ],
)  # fmt: skip
def test_health_is_503_where_nobody_answers_and_names_no_sensor(
    tmp_path: Path, one_store: Path, sensors: list[Any], code: int, said: str | None
) -> None:
    with world(tmp_path / "portal", one_store, sensors=lambda: sensors) as served:
        found = served.as_(None).get("/health")
        if code == 503:
            assert refused(found, 503) == said
        else:
            assert (found.status_code, found.json()["why"]) == (code, said)
            assert (found.json()["status"] == "ok") == (said is None)
        assert "Example University" not in found.text


@pytest.mark.parametrize(("seconds", "looked"), [(3600.0, 1), (0.0, 5)])
def test_sensors_are_not_looked_at_for_every_question_about_health(
    tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, looked: int
) -> None:
    """Anybody may ask as often as he likes."""
    monkeypatch.setattr(status, "HEALTH_SECONDS", seconds)
    seen: Counter[str] = Counter()

    def sensors() -> list[Any]:
        seen["looked"] += 1
        return [WELL]

    with world(tmp_path / "portal", one_store, sensors=sensors) as served:
        for _ in range(5):
            assert served.as_(None).get("/health").json() == {"status": "ok", "why": None}
        assert seen["looked"] == looked


def test_each_role_sees_the_columns_that_are_its_own_and_no_other(tmp_path: Path, one_store: Path) -> None:
    """Whatever is added to what operators see."""
    every = WELL | dict.fromkeys(
        ("last_packet", "watches_since", "stores_since", "detail", "address", "serial", "news"), "x"
    )
    with world(tmp_path / "portal", one_store, sensors=lambda: [every]) as served:
        seen = {
            role: set(served.as_(role).get("/sensors").json()["sensors"][0])
            for role in ("viewer", "analyst", "operator")
        }
    assert seen["operator"] == set(every)
    assert seen["analyst"] - seen["viewer"] == {"watches_since", "stores_since", "last_packet"}
    assert seen["viewer"] == {
        "name",
        "organisation",
        "time_zone",
        "blocks",
        "state",
        "since",
        "watches",
        "stores",
        "why",
    }
