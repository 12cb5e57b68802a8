"""Settings: which layer wins, and where each value comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .conftest import Place


def origins(place: Place, env: dict[str, str] | None = None) -> dict[str, tuple[Any, str]]:
    import json

    found = json.loads(place.run("config", "show", "--json", env=env).stdout)
    return {row["key"]: (row["value"], row["origin"]) for row in found["settings"]}


def test_flag_over_environment_over_project_over_user_over_default(place: Place) -> None:
    assert origins(place)["jobs"] == (4, "default")
    user = Path(os.environ["HOME"]) / ".config" / "chargehand" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text("jobs = 5\n[retry]\nattempts = 7\n")
    assert origins(place)["jobs"] == (5, str(user))
    place.write("chargehand.toml", "jobs = 6\n")
    assert origins(place)["jobs"] == (6, "chargehand.toml")
    assert origins(place)["retry.attempts"] == (7, str(user))
    seen = origins(place, {"CHARGEHAND_JOBS": "7", "CHARGEHAND_TIMEOUTS__STALL_MINUTES": "0.5"})
    assert seen["jobs"] == (7, "$CHARGEHAND_JOBS")
    assert seen["timeouts.stall_minutes"] == (0.5, "$CHARGEHAND_TIMEOUTS__STALL_MINUTES")


def test_settings_may_live_in_pyproject(place: Place) -> None:
    place.write("pyproject.toml", "[tool.chargehand]\njobs = 2\n[tool.chargehand.gates.test]\ncommand = 'x'\n")
    seen = origins(place)
    assert seen["jobs"] == (2, "pyproject.toml [tool.chargehand]")
    assert seen["gates.test.command"] == ("x", "pyproject.toml [tool.chargehand]")


def test_a_misspelled_variable_is_an_error_not_a_silence(place: Place) -> None:
    refused = place.run("config", "show", code=2, env={"CHARGEHAND_JOBSS": "3"})
    assert "did you mean CHARGEHAND_JOBS?" in refused.stderr
    wrong = place.run("config", "show", code=2, env={"CHARGEHAND_JOBS": "many"})
    assert "`jobs`" in wrong.stderr


def test_the_project_is_found_from_a_folder_inside_it_and_by_its_name(place: Place) -> None:
    place.spec("TASK-001")
    place.config("jobs = 9")
    (place.root / "deep/er").mkdir(parents=True)
    assert origins(Place(place.root / "deep/er"))["jobs"][0] == 9
    away = Place(place.root.parent)
    assert '"jobs", "value": 9' in away.run("config", "-C", str(place.root), "show", "--json").stdout


def test_init_looks_and_writes_once(place: Place) -> None:
    place.write("Makefile", "test:\n\ttrue\n")
    first = place.run("init").stdout
    text = place.read("chargehand.toml")
    assert 'target = "main"' in text
    assert 'command = "make test"' in text
    assert "make test" in first
    assert origins(place)["gates.test.command"] == ("make test", "chargehand.toml")
    again = place.run("init").stdout
    assert "nothing was changed" in again
    assert place.read("chargehand.toml") == text


def test_doctor_tells_every_finding_and_its_fix(place: Place) -> None:
    place.spec("TASK-001")
    place.write("chargehand.toml", '[agents.a]\ncommand = "no-such-agent"\n[gates.t]\ncommand = "no-such-gate"\n')
    told = place.run("doctor", code=5).stdout
    assert "no-such-agent" in told
    assert "no-such-gate" in told
    assert told.count("fix:") >= 2
    assert "✓ git" in told
    place.config()
    place.run("doctor")
