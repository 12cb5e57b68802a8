"""The schemas in docs/schemas say what the code says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from chargehand.model.facts import AttemptExited, Event, RunFinished
from chargehand.model.work import Exit, Usage

ROOT = Path(__file__).parents[2]


def schema(name: str) -> Any:
    return json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))


def test_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "schemas.py", tmp_path], check=True)
    made = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "schemas").iterdir()}
    assert kept == made, "run: make schemas"


def test_an_event_is_valid() -> None:
    ended = Exit(cause="exited", code=0, started_at=1.0, ended_at=2.0)
    for fact in (
        AttemptExited(task="T", attempt="r1-T.1", exit=ended, usage=Usage(1, None, 0.5)),
        RunFinished(run="r1", state="finished", reason=""),
    ):
        jsonschema.validate(msgspec.to_builtins(Event(1, 2.0, "r1", fact)), schema("event"))


def test_a_config_is_judged_as_the_code_judges_it() -> None:
    good = {"agent": "x", "jobs": 2, "agents": {"x": {"command": ["true"]}}, "gates": {"tests": {"command": "make test"}}}
    jsonschema.validate(good, schema("config"))
    wrong: list[dict[str, object]] = [{"agnet": "x"}, {"jobs": 0}, {"gates": {"tests": {}}}]
    for bad in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema("config"))
