"""What we ship for Prometheus and Grafana names metrics that exist, and is held by promtool: rules, tests, dashboard."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.generate_docs import daemons_metrics

from .stores import needs_programs

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "packaging" / "prometheus"
RULES = (PROMETHEUS / "ims.rules.yml").read_text()
DASHBOARD = json.loads((ROOT / "packaging" / "grafana" / "ims.json").read_text())
PAGE = (ROOT / "docs" / "metrics.md").read_text()
ALERTS = re.findall(r"alert: (\w+)", RULES)
PROCESS = {"process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}


def promtool(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, **options)


def known() -> set[str]:
    """Names of series, as Prometheus has them."""
    found = set(PROCESS)
    for families in daemons_metrics().values():
        for name, kind, _ in families:
            bare = name.partition("{")[0]
            found |= {f"{bare}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {bare}
    return found


def named(text: str) -> set[str]:
    return set(re.findall(r"\b(?:ims|process)_[a-z_]+\b", text))


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


@needs_programs("promtool")
def test_the_rules_are_rules_and_do_what_their_tests_say() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", PROMETHEUS / "ims.rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", "ims.rules.test.yml", cwd=PROMETHEUS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tried_to_fire_and_to_be_quiet_and_has_a_runbook() -> None:
    tests = (PROMETHEUS / "ims.rules.test.yml").read_text()
    assert len(ALERTS) == len(set(ALERTS)) >= 8
    for alert in ALERTS:
        tried = re.findall(rf"alertname: {alert}\n +exp_alerts:(.*)", tests)
        assert "" in tried, alert
        assert " []" in tried, alert
        assert f"runbook: docs/metrics.md#{alert.lower()}\n" in RULES
        assert f'<a id="{alert.lower()}"></a>`{alert}`' in PAGE


def test_rules_and_dashboard_name_metrics_that_exist() -> None:
    expected = known()
    for text in (RULES, *expressions()):
        assert named(text) <= expected, named(text) - expected
    assert named(" ".join(expressions())) - PROCESS  # it names some


@needs_programs("promtool")
def test_every_panel_s_expression_is_one(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, text in enumerate(expressions())
    ]
    assert len(rules) > 20
    file = tmp_path / "panels.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_dashboard_can_be_imported() -> None:
    """Where things must be, for Grafana 10 and later (schema 39): it asks for a data source, and panels don't overlap."""
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= DASHBOARD.keys()
    assert DASHBOARD["schemaVersion"] >= 36
    assert "id" not in DASHBOARD  # or it would replace another's
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("timeseries", "stat")
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert target["refId"]
            assert 'instance=~"$instance"' in target["expr"]


def lost(ours: Any, theirs: Any, at: str = "") -> Iterator[str]:
    """Where `theirs` doesn't hold all of `ours`; what it adds are defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from lost(value, theirs.get(key, ...), f"{at}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from lost(one, other, at)
    elif ours != theirs:
        yield at


def read_by_grafana(ours: dict[str, Any]) -> Any:
    """As the types read it that Grafana's own makers derive from its schema: they drop what the schema hasn't."""
    from grafana_foundation_sdk.cog import plugins
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))


def test_grafana_s_schema_has_every_key_of_the_dashboard() -> None:
    # The list of a query's values, as people read it: Grafana writes it, and its schema of 10.1 forgot it.
    assert set(lost(DASHBOARD, read_by_grafana(DASHBOARD))) == {"/templating/list/definition"}


def test_a_key_that_grafana_s_schema_hasn_t_would_be_found() -> None:
    mistyped = json.loads(json.dumps(DASHBOARD).replace('"legendFormat"', '"legendFormet"'))
    assert "/panels/targets/legendFormet" in set(lost(mistyped, read_by_grafana(mistyped)))


def test_names_and_labels_are_bounded_and_as_prometheus_wants_them() -> None:
    for families in daemons_metrics().values():
        for name, kind, help in families:
            assert help.endswith("."), name
            assert name.partition("{")[0].endswith("_total") == (kind == "counter"), name
            labels = set(filter(None, name.partition("{")[2].rstrip("}").split(",")))
            assert labels <= {
                "block", "kind", "reason", "where", "worker", "verdict", "mark", "interface", "verb", "outcome", "sensor",
                "state", "what",
            }, name  # fmt: skip
