"""Coming, going, tokens; and nobody learns from a refusal whether an account exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .served import PASSWORD, Served, bearer, login, refused, world


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    """A portal whose clock and tokens these tests change."""
    with world(tmp_path_factory.mktemp("sessions"), one_store) as served:
        yield served


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
