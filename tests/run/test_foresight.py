"""Planning before spending: the order, the forecast, and how right it was, from real runs."""

from __future__ import annotations

import json

from .conftest import Place
from .test_json_outputs import valid

AGENT = 'echo \'{"cost_usd": 0.5, "usage": {"input_tokens": 10}}\'; echo x > $CHARGEHAND_TASK_ID'


def test_the_plan_is_the_order_of_a_run(place: Place) -> None:
    place.spec("TASK-001 P2", "TASK-002 P0 after TASK-003", "TASK-003 P2", "TASK-004 P1")
    place.config()
    seen = valid("plan", place.json("plan"))
    dry = place.json("run", "--all", "--dry-run")
    assert [task["id"] for task in seen["tasks"]] == [task["id"] for task in dry["tasks"]]
    assert seen["critical_path"] == ["TASK-003", "TASK-002"]
    assert (seen["hours"], seen["path_hours"], seen["done"]) == (4, 2, 0)
    text = place.run("plan").stdout
    assert "longest chain, 2h: TASK-003, TASK-002" in text
    assert not (place.root / ".chargehand").exists()


def test_a_forecast_before_anything_ran_is_called_a_guess(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()
    seen = valid("forecast", place.json("plan", "--forecast"))
    assert seen["learned_from"] == 0
    assert seen["usd"] is None
    assert seen["seconds"]["p50"] < seen["seconds"]["p80"] < seen["seconds"]["p95"]
    assert "a guess" in place.run("plan", "--forecast").stdout
    assert seen == place.json("plan", "--forecast"), "the same question has the same answer"


def test_a_forecast_learns_and_is_held_against_what_came(place: Place) -> None:
    place.config(agent=AGENT, text="[budget]\nrun_usd = 100")
    place.spec(*(f"TASK-00{number}" for number in range(1, 6)))
    place.run("run", "--all")
    place.spec(*(f"TASK-00{number}" for number in range(1, 9)))
    for task in range(1, 6):  # a person ticks nothing: what landed before is known
        assert (place.root / f"TASK-00{task}").exists()
    seen = place.json("plan", "--forecast")
    assert (seen["tasks"], seen["learned_from"]) == (3, 5)
    assert seen["seconds"]["p95"] < 300
    assert 1.0 < seen["usd"]["p50"] < 2.5
    assert seen["in_budget"] == 1.0
    assert seen["budget_usd"] == 100
    assert place.json("plan", "--forecast", "--budget", "0.1")["in_budget"] == 0.0
    text = place.run("plan", "--forecast").stdout
    assert "learned from 5 tasks" in text
    assert "the $100.00 left of the budget suffice: 100% likely" in text
    place.run("run", "--all")
    checked = valid("calibration", place.json("plan", "--calibration"))
    assert [run["run"] for run in checked["runs"]] == ["r1", "r2"]
    assert checked["runs"][1]["paid_usd"] == 1.5
    assert checked["runs"][1]["usd_within"] in {"p50", "p80", "p95", "above"}
    assert checked["tasks"]["count"] == 8
    first = checked["runs"][0]
    assert first["seconds_within"] == "p50", "the guess of minutes was too long for seconds"
    learned = {one["name"]: one for one in checked["classes"]}
    assert (learned["fake, S, P1"]["tasks"], learned["all"]["tasks"]) == (8, 8)
    assert learned["fake"]["usd"]["p50"] == 0.5
    text = place.run("plan", "--calibration").stdout
    assert "within P80" in text
    assert "fake, S, P1" in text


def test_nothing_left_and_nothing_known_are_said(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    assert "no run was forecast yet" in place.run("plan", "--calibration").stdout
    place.run("run", "--all")
    assert "nothing is left to do" in place.run("plan", "--forecast").stdout
    assert "nothing is left to do, 1 task done" in place.run("plan").stdout
    assert json.loads(place.run("plan", "--forecast", "--json").stdout) is None


def test_a_damaged_line_of_the_forecasts_is_passed_over(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.run("run", "--all")
    kept = place.root / ".chargehand/forecasts.jsonl"
    kept.write_bytes(b'{"at": 1, "ru\n\xff\n' + kept.read_bytes())
    assert len(place.json("plan", "--calibration")["runs"]) == 1
