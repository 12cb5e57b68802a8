"""Every ``--json`` output against its published schema, from real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import chargehand

from .conftest import Place

SCHEMAS = Path(chargehand.__file__).parent / "schemas"


def valid(name: str, value: Any) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    return value


@pytest.fixture
def worked(place: Place) -> Place:
    """A project after a run with every kind of end."""
    place.spec("TASK-001", "TASK-002", "TASK-003 P1 after TASK-002")
    place.config(
        '[retry]\nattempts = 2\n[gates.test]\ncommand = "test ! -e bad"',
        agent="""echo '{"usage": {"input_tokens": 5}}'; test $CHARGEHAND_TASK_ID = TASK-001 && touch good || touch bad""",
    )
    place.run("run", "--all", code=1)
    return place


def test_reading_commands(worked: Place) -> None:
    status = valid("status", worked.json("status"))
    assert [task["state"] for task in status["tasks"]] == ["landed", "failed", "waiting"]
    only = valid("status", worked.json("status", "--state", "failed"))
    assert [task["id"] for task in only["tasks"]] == ["TASK-002"]
    assert only["totals"]["tasks"] == 3
    shown = valid("show", worked.json("show", "TASK-002"))
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["gate_failed", "gate_failed"]
    valid("why", worked.json("why", "TASK-003"))
    logs = valid("logs", worked.json("logs", "TASK-002", "--attempt", "1"))
    assert logs["attempt"] == 1
    for by in ("task", "stage", "agent", "model"):
        costs = valid("costs", worked.json("costs", "--by", by))
        assert costs["total"]["input_tokens"] == 15
    valid("check", worked.json("check"))
    valid("config-show", worked.json("config", "show"))
    doctor = valid("doctor", worked.json("doctor"))
    assert doctor["ok"] is True


def test_events_of_a_run(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        '[gates.test]\ncommand = "sleep 0.3"',
        agent="sleep 0.3; test $CHARGEHAND_ATTEMPT = 2 && echo $CHARGEHAND_TASK_ID > x$CHARGEHAND_TASK_ID",
    )
    for event in place.events("--all"):
        valid("event", event)


def test_doing_commands(place: Place) -> None:
    valid("init", place.json("init"))
    valid("error", place.json("run", code=2))
    place.spec("TASK-001")
    place.config()
    valid("status", place.json("status"))
    valid("planned", place.json("run", "--all", "--dry-run"))
    valid("reset", place.json("reset", "--yes"))
    place.run("run")
    assert valid("reset", place.json("reset", "--yes"))["run"] == "r1"
    place.write("spec/tasks.md", "### TASK-001: A\n🔴 P7 | ⬜ TODO\n")
    error = valid("error", place.json("run", code=2))["error"]
    assert error["problems"][0]["line"] == 2
    assert valid("check", place.json("check", code=2))["ok"] is False
    assert valid("doctor", place.json("doctor", code=5))["ok"] is False


def test_the_settings_file_against_its_schema() -> None:
    good = {"jobs": 3, "agents": {"a": {"command": ["x"]}}, "gates": {"t": {"command": "y", "timeout_minutes": 0.5}}}
    valid("config", good)
    with pytest.raises(jsonschema.ValidationError):
        valid("config", {"jbos": 3})
