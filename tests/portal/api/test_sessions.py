"""Coming, going, tokens; and nobody learns from a refusal whether an account exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ims.portal.api.callers import PAUSE_SECONDS
from ims.portal.throttle import Throttle

from .served import PASSWORD, ROLES, Served, refused, world


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    """A portal whose clock and tokens these tests change."""
    with world(tmp_path_factory.mktemp("sessions"), one_store) as served:
        yield served


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def login(portal: Served, name: str = "operator", password: str = PASSWORD) -> httpx.Response:
    return portal.as_(None).post("/login", json={"name": name, "password": password})


def test_a_password_gives_a_token_that_expires(portal: Served) -> None:
    found = login(portal).json()
    assert found["role"] == "operator"
    anyone = portal.as_(None)
    assert anyone.get("/me", headers=bearer(found["token"])).json() == {"name": "operator", "role": "operator"}
    before = portal.world.clock.now
    portal.world.clock.now += 12 * 3600 + 1
    refused(anyone.get("/me", headers=bearer(found["token"])), 401)
    portal.world.clock.now = before


def test_logging_out_makes_the_token_void_and_no_other(portal: Served) -> None:
    one, two = (login(portal).json()["token"] for _ in range(2))
    anyone = portal.as_(None)
    found = anyone.post("/logout", headers=bearer(one))
    assert (found.status_code, found.content) == (204, b"")
    refused(anyone.post("/logout", headers=bearer(one)), 401)
    assert anyone.get("/me", headers=bearer(two)).status_code == 200


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


def test_tokens_are_made_listed_and_revoked(portal: Served) -> None:
    asker = portal.as_("analyst")
    found = asker.post("/tokens", json={"label": "notebook", "days": 7, "role": "viewer"})
    assert found.status_code == 201
    token = found.json()["token"]
    assert found.json()["role"] == "viewer"
    assert portal.as_(None).get("/me", headers=bearer(token)).json()["role"] == "viewer"
    listed = asker.get("/tokens")
    [mine] = [row for row in listed.json()["tokens"] if row["label"] == "notebook"]
    assert mine["role"] == "viewer" and not mine["expired"]
    assert token not in listed.text
    # A lesser token makes no greater one, and nobody revokes another's.
    refused(
        portal.as_(None).post("/tokens", headers=bearer(token), json={"label": "x", "days": 1, "role": "operator"}), 403
    )
    refused(portal.as_("operator").delete(f"/tokens/{mine['id']}"), 404, "you have no token")
    assert asker.delete(f"/tokens/{mine['id']}").status_code == 204
    refused(asker.delete(f"/tokens/{mine['id']}"), 404)
    refused(portal.as_(None).get("/me", headers=bearer(token)), 401)


def test_a_lesser_token_manages_nothing_but_its_own(portal: Served) -> None:
    """A stolen viewer's token of an operator: it outlives nothing, sees nothing else, and revokes nothing else."""
    anyone = portal.as_(None)
    session = login(portal).json()["token"]
    words = {"label": "lesser", "days": 1, "role": "viewer"}
    lesser = anyone.post("/tokens", headers=bearer(session), json=words).json()
    made = anyone.post("/tokens", headers=bearer(lesser["token"]), json={"label": "long", "days": 3650})
    assert made.status_code == 201
    assert (made.json()["role"], made.json()["expires"]) == ("viewer", lesser["expires"])
    assert lesser["expires"] <= "2026-03-15"  # the session's end, and not a day
    seen = anyone.get("/tokens", headers=bearer(lesser["token"])).json()["tokens"]
    assert [row["label"] for row in seen] == ["lesser", "long"]
    everything = anyone.get("/tokens", headers=bearer(session)).json()["tokens"]
    assert len(everything) > len(seen)
    for row in everything:
        if row["id"] not in {mine["id"] for mine in seen}:
            refused(anyone.delete(f"/tokens/{row['id']}", headers=bearer(lesser["token"])), 404, "you have no token")
    wanted = {"label": "more", "days": 1, "role": "analyst"}
    refused(anyone.post("/tokens", headers=bearer(lesser["token"]), json=wanted), 403)
    assert anyone.post("/logout", headers=bearer(session)).status_code == 204
    for token in (lesser["token"], made.json()["token"]):
        refused(anyone.get("/me", headers=bearer(token)), 401)


def test_a_password_gives_a_program_its_token_too(portal: Served) -> None:
    words = {"name": "analyst", "password": PASSWORD, "label": "notebook", "days": 30, "role": "viewer"}
    found = portal.as_(None).post("/login", json=words)
    assert found.json()["role"] == "viewer"
    assert found.json()["expires"].startswith("2026-04-13")
    me = portal.as_(None).get("/me", headers=bearer(found.json()["token"]))
    assert me.json() == {"name": "analyst", "role": "viewer"}
    refused(portal.as_(None).post("/login", json=words | {"role": "operator"}), 403, "your token can't be operator")
    portal.world.accounts.set_password("analyst", PASSWORD + "!")
    refused(portal.as_(None).get("/me", headers=bearer(found.json()["token"])), 401)
    portal.world.accounts.set_password("analyst", PASSWORD)


def test_what_is_no_token_is_refused(portal: Served) -> None:
    asker = portal.as_("viewer")
    refused(
        asker.post("/tokens", json={"label": "x", "days": 1, "role": "operator"}), 403, "your token can't be operator"
    )
    refused(asker.post("/tokens", json={"label": "x", "days": 0}), 400, "days: ")
    refused(asker.post("/tokens", json={"label": "x", "days": "NaN"}), 400, "days: ")
    refused(asker.post("/tokens", json={"label": "x" * 65, "days": 1}), 400, "label: ")
    refused(asker.post("/tokens", json={"label": "a\nb", "days": 1}), 400)
    refused(asker.post("/tokens", json={"label": "x", "days": 1, "role": "root"}), 400, "role: ")
    refused(asker.delete("/tokens/..%2F..%2Fetc"), 404)


def test_a_removed_account_s_tokens_are_void(portal: Served) -> None:
    accounts = portal.world.accounts
    accounts.add("guest", "analyst", PASSWORD)
    token = login(portal, "guest").json()["token"]
    accounts.set_role("guest", "viewer")
    assert portal.as_(None).get("/me", headers=bearer(token)).json()["role"] == "viewer"
    accounts.remove("guest")
    refused(portal.as_(None).get("/me", headers=bearer(token)), 401)


def test_passwords_and_tokens_are_in_no_log(portal: Served) -> None:
    token = login(portal).json()["token"]
    portal.as_(None).get(f"/query/count?filter={token}", headers=bearer(token))
    text = "".join(path.read_text() for path in portal.world.folder.glob("audit*"))
    assert PASSWORD not in text and token not in text
    assert all(known not in text for known in portal.world.tokens.values())


def test_who_asks_too_often_is_told_when_to_come_again(
    tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not at once: others are answered meanwhile."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr("ims.portal.api.callers.pause", pause)
    few = {"throttle": Throttle(0.01, 3.0), "logins": Throttle(0.01, 2.0)}
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
