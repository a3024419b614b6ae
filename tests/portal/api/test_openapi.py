"""The OpenAPI document: whole, with examples, and true: whatever it allows is answered, and never with a 500."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from ims.portal.services import Limits

from ...effort import examples
from .served import News, Served, world

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES = settings(
    max_examples=examples(10, 4),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OPERATIONS = {
    *(("POST", path) for path in ("/login", "/logout", "/tokens", "/export/{format}")),
    *(("GET", path) for path in ("/me", "/tokens", "/payloads/{signature}", "/sensors", "/health", "/version")),
    *(("GET", path) for path in ("/events", "/analyses")),
    ("DELETE", "/tokens/{id}"),
}
VERBS = (
    "count", "series", "top", "packets", "payloads", "sources", "chain", "local",
    "sightings", "novelty", "cache", "storage", "coverage", "darknet",
)  # fmt: skip
ANALYSES = (
    "rate", "local-preference", "signature", "ports", "storage", "cache",
    "new-payloads", "outbreak", "chain", "circadian", "exchange",
)  # fmt: skip


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Served]:
    with world(tmp_path_factory.mktemp("openapi"), one_store, limits=Limits(heartbeat_seconds=0.01)) as served:
        news: News = served.world.news
        news.endless = False
        yield served


@pytest.fixture(scope="module")
def document(portal: Served) -> dict[str, Any]:
    found: dict[str, Any] = portal.as_(None).get("/openapi.json").json()
    return found


def test_every_endpoint_is_described_with_examples(document: dict[str, Any]) -> None:
    found = {
        (method.upper(), path.removeprefix("/api/v1")): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    asked = [*(f"/query/{verb}" for verb in VERBS), *(f"/analyses/{name}" for name in ANALYSES)]
    assert set(found) == OPERATIONS | {(method, path) for method in ("GET", "POST") for path in asked}
    models = document["components"]["schemas"]
    for which, operation in found.items():
        assert operation["summary"], which
        [good] = [status for status in operation["responses"] if status.startswith("2")]
        for kind, content in operation["responses"][good].get("content", {}).items():
            schema = content["schema"]
            if "$ref" in schema:
                properties = models[schema["$ref"].rsplit("/", 1)[1]]["properties"]
                assert all("examples" in one for one in properties.values()), which
            else:
                assert "example" in content or kind.startswith("application/") or kind == "text/csv", which
        for status, refusal in operation["responses"].items():
            if not status.startswith("2"):
                assert refusal["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal"), (which, status)


def test_moments_may_be_whole_numbers(document: dict[str, Any]) -> None:
    models = document["components"]["schemas"]
    for model in (models["Selected"], models["Series"], models["Exported"]):
        for name in ("since", "until"):
            assert [one["type"] for one in model["properties"][name]["anyOf"]] == ["string", "integer", "null"]
    [since] = [one for one in document["paths"]["/api/v1/query/count"]["get"]["parameters"] if one["name"] == "since"]
    assert [one["type"] for one in since["schema"]["anyOf"]] == ["string", "integer", "null"]


def test_steps_are_a_list_of_texts(document: dict[str, Any]) -> None:
    """Of the body, too, where one text is taken as well."""
    [then] = [one for one in document["paths"]["/api/v1/query/chain"]["get"]["parameters"] if one["name"] == "then"]
    assert then["required"] and then["schema"]["type"] == "array" and then["schema"]["maxItems"] == 4
    assert then["schema"]["items"]["type"] == "string"


def operations(document: dict[str, Any]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]


@pytest.mark.parametrize("mode", GenerationMode)
def test_whatever_the_document_allows_or_not_is_answered(
    portal: Served, document: dict[str, Any], mode: GenerationMode
) -> None:
    """Ten examples an operation and mode, in a commit four, the same every time."""
    headers = {"Authorization": f"Bearer {portal.world.tokens['operator']}"}
    faults, seen = [], 0
    for operation in operations(document):
        if operation.path.endswith("/logout"):
            continue  # it would make the others' token void

        @EXAMPLES
        @given(case=operation.as_strategy(mode))
        def ask(case: Any) -> None:
            nonlocal seen
            response = case.call(base_url=portal.url, headers=headers, timeout=60)
            seen += response.status_code == 200
            case.validate_response(response, checks=CHECKS)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ask()
            except Unsatisfiable:
                continue  # nothing that it takes could be wrong
            except (Exception, BaseExceptionGroup) as error:
                faults.append(f"{operation.label}: {error}")
    assert not faults, "\n\n".join(faults)
    assert seen
