"""`ims demo`: a scenario, its store, and no answer that differs from what was planted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ims
from ims.cli import app, demo_live
from ims.cli.demo import PLANTED


@pytest.mark.exhaustive  # .ci/run runs `make demo` whole, as it stands
def test_the_store_answers_what_was_planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_live, "may_be_live", lambda: False)
    folder = tmp_path / "demo"
    said = CliRunner().invoke(app, ["demo", "--folder", str(folder)])
    assert said.exit_code == 0, said.output
    assert "differs" not in said.output
    truth = json.loads((folder / "dark.json").read_text())
    planted = {event["name"] for event in truth["events"]}
    assert planted - {"background"} == {name for name, _ in PLANTED}
    for name, filter in PLANTED:
        assert any(name in line and filter in line for line in said.output.splitlines()), name
    with ims.open(folder / "store") as telescope:
        hours = telescope.series("tcp dst port 4321", bin="1h", metric="sources").table.column("value").to_pylist()
    peak = hours.index(max(hours))
    assert hours[:3] == [0, 0, 0]
    assert 9 <= peak <= 11
    assert hours[3:peak] == sorted(hours[3:peak])
    assert 0 < hours[-1] < 0.15 * hours[peak]
    again = CliRunner().invoke(app, ["demo", "--folder", str(folder)])
    assert again.exit_code == 0, again.output
