"""Who asks: nobody learns from a refusal what was wrong with his token, and who asks too often waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.portal.api.callers import LONGEST_TOKEN, PAUSE_SECONDS
from ims.portal.auth.rate_limit import RateLimit

from .served import PASSWORD, ROLES, Served, bearer, login, refused, world


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    """One where passwords may be wrong."""
    with world(tmp_path_factory.mktemp("callers"), one_store) as served:
        yield served


STRANGERS = {
    "none": {},
    "wrong": {"Authorization": "Bearer ims_0123456789abcdef0123456789abcdef"},
    "empty": {"Authorization": "Bearer"},
    "long": {"Authorization": f"Bearer {'x' * 5000}"},
    "basic": {"Authorization": "Basic b3BlcmF0b3I6Y29ycmVjdA=="},
    "odd": {"Authorization": b"Bearer \xff\xfe'; DROP TABLE tokens"},
}


def test_every_401_is_the_same(portal: Served) -> None:
    anyone = portal.as_(None)
    seen = []
    for headers in STRANGERS.values():
        for path in ("/me", "/query/count", "/events", "/tokens", "/payloads/0123456789abcdef0123456789abcdef"):
            seen.append(anyone.get(path, headers=headers))
        seen.append(anyone.post("/export/pcap", json={}, headers=headers))
    seen += [login(portal, "operator", "wrong password here"), login(portal, "nobody", PASSWORD)]
    seen += [login(portal, "", ""), login(portal, "../../etc/passwd", "x")]
    kept = [
        (r.status_code, r.content, sorted(h for h in r.headers.items() if h[0] not in ("x-request-id", "date")))
        for r in seen
    ]
    assert all(one == kept[0] for one in kept)
    refused(seen[0], 401)
    assert seen[0].headers["www-authenticate"] == "Bearer"


def test_who_asks_too_often_is_told_when_to_come_again(
    tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not at once: others are answered meanwhile."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr("ims.portal.api.callers.pause", pause)
    few = {"throttle": RateLimit(0.01, 3.0), "logins": RateLimit(0.01, 2.0)}
    with world(tmp_path, one_store, **few) as served:
        for role in ROLES:
            for _ in range(3):
                assert served.as_(role).get("/me").status_code == 200
            wait = served.as_(role).get("/me")
            refused(wait, 429, "too many requests")
            assert 1 <= int(wait.headers["retry-after"]) <= 100
        tried = [login(served, name, "x" * 12) for name in ("operator", "nobody", "operator", "nobody")]
        assert [found.status_code for found in tried] == [401, 401, 429, 429]
        assert tried[2].json() == tried[3].json()
        refused(login(served), 429)
        refused(served.as_(None).get("/me"), 429)
    assert paused == [PAUSE_SECONDS] * 7


def test_what_is_too_long_for_a_token_is_not_looked_up(portal: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    accounts = portal.world.accounts
    monkeypatch.setattr(accounts, "check_token", looked_up.append)
    for length in (1, LONGEST_TOKEN, LONGEST_TOKEN + 1, 5000):
        refused(portal.as_(None).get("/me", headers=bearer("x" * length)), 401)
    assert [len(secret) for secret in looked_up] == [1, LONGEST_TOKEN]
