"""The application as a whole: what it takes, from whom, and what it never does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from ims.portal.api.middleware import API

from .served import Served, World, refused


def test_no_redirect_is_made_of_the_host(served: Served) -> None:
    found = served.as_("operator").get("/me/", headers={"Host": "evil.example"})
    refused(found, 404)
    assert "location" not in found.headers


ANYBODY = {("GET", "/health"), ("POST", "/login"), ("GET", "/openapi.json")}
"""What needs no token, of what lies under /api/v1."""


def endpoints(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of each, with something in place of its parameters."""
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or {"GET"}):
            yield method, re.sub(r"{.*?}", "0" * 32, route.path)


def test_every_endpoint_but_three_refuses_whoever_has_no_token(served: Served) -> None:
    """Before it says what is wrong with the question, and whatever is added to them."""
    found = {(method, path.removeprefix(API)) for method, path in endpoints(served.world.app) if path.startswith(API)}
    assert len(found) > 20
    for method, path in found - ANYBODY:
        if method != "HEAD":  # without a body
            refused(served.as_(None).request(method, path), 401)
            if method == "POST":
                refused(served.as_(None).post(path, json={"no": "such word"}), 401)
    for method, path in ANYBODY:
        assert served.as_(None).request(method, path).status_code in (200, 400)


def test_nothing_is_served_beside_the_api_but_what_tells_of_it(served: Served) -> None:
    others = {path for _, path in endpoints(served.world.app) if not path.startswith(API)}
    assert others == {"/"}
    for path in ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/static/x", "/metrics"):
        assert served.as_(None).get(f"{served.url}{path}").status_code == 404


def test_the_document_tells_no_status_that_is_never_answered(served: Served) -> None:
    document = served.as_(None).get("/openapi.json").json()
    told = {
        status
        for methods in document["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    assert "422" not in told and {"200", "400", "401"} <= told
    assert "ValidationError" not in str(document)
    assert document["info"]["version"] == served.world.gate.version


def test_what_has_ended_begins_nothing_more(tmp_path: Path, one_store: Path) -> None:
    world = World(tmp_path / "portal", one_store)
    app = world.app

    async def main() -> None:
        async with app.router.lifespan_context(app):
            assert await app.state.turns.run("x", 60, int) == 0
            assert await app.state.threads.accounts(int) == 0
        for work in (
            app.state.threads.accounts(int),
            app.state.threads.audit(int),
            app.state.threads.known.run("x", int),
        ):
            with pytest.raises(RuntimeError, match="shutdown"):
                await work

    asyncio.run(main())
    world.close()
