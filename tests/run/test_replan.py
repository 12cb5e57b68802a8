"""Replanning: when the tries are spent a planner may rewrite, split or defer the task, once, paid and recorded."""

from __future__ import annotations

import json
import signal
from typing import Any

from .conftest import Place
from .test_interruptions import receipting, receipts, wait_for


def planned(place: Place, answer: dict[str, Any] | str, agent: str, *, settings: str = "", before: str = "") -> None:
    """A project with an agent and a planner that answers so."""
    text = answer if isinstance(answer, str) else json.dumps({"replan": answer})
    place.config(f'{settings}\n[retry]\nattempts = 1\nplanner = "planner"', agent=agent)
    shell = f"cat > /dev/null; {before} echo planner >> {place.root.parent}/receipts; echo '{text}'; echo '{{\"cost_usd\": 0.5}}'"
    place.write(
        "chargehand.toml", place.read("chargehand.toml") + f"[agents.planner]\ncommand = {json.dumps(['/bin/sh', '-c', shell])}\n"
    )
    place.commit()


def test_a_rewritten_task_is_tried_again_and_told_so(place: Place) -> None:
    place.spec("TASK-001")
    agent = 'cat > brief; grep -q "read the manual" brief && echo x > done || exit 1'
    planned(place, {"decision": "rewrite", "reason": "unclear", "description": "First read the manual."}, agent)
    events = place.events("--all")
    (replanned,) = [event for event in events if event["event"] == "task.replanned"]
    assert (replanned["decision"], replanned["charged"]["cost_usd"]) == ("rewrite", 0.5)
    assert place.landed() == ["TASK-001"]
    stages = {group["name"]: group["cost_usd"] for group in place.json("costs", "--by", "stage")["groups"]}
    assert stages["planner"] == 0.5


def test_a_split_task_lands_when_its_parts_have(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    agent = 'test "$CHARGEHAND_TASK_ID" != TASK-001 && ls > "seen-$CHARGEHAND_TASK_ID" && echo x > "$CHARGEHAND_TASK_ID"'
    parts = [{"title": "The first half", "checklist": ["half of it"]}, {"title": "The second half"}]
    planned(place, {"decision": "split", "reason": "too much", "parts": parts}, agent)
    done = place.run("run", "--all").stdout
    assert "split into TASK-001a, TASK-001b: too much" in done
    assert place.landed() == ["TASK-001a", "TASK-001b", "TASK-001", "TASK-002"], done
    assert "TASK-001a" in place.read("seen-TASK-001b")
    assert place.read("spec/tasks.md").count("DONE") == 2
    assert place.git("log", "-1", "--format=%s", "--grep", "TASK-001a") == "TASK-001a: The first half"


def test_a_deferred_task_is_tried_again_when_the_rest_is_done(place: Place) -> None:
    place.spec("TASK-001 P0", "TASK-002 P3")
    agent = 'test "$CHARGEHAND_TASK_ID" = TASK-002 || test -e TASK-002 || exit 1; echo x > "$CHARGEHAND_TASK_ID"'
    planned(place, {"decision": "defer", "reason": "needs what TASK-002 brings"}, agent, settings="jobs = 1")
    place.run("run", "--all")
    assert place.landed() == ["TASK-002", "TASK-001"]


def test_a_planner_is_asked_once_and_may_give_up(place: Place) -> None:
    place.spec("TASK-001")
    planned(place, {"decision": "rewrite", "reason": "r", "description": "Try harder."}, receipting(place, "exit 1"))
    place.run("run", "--all", code=1)
    assert receipts(place) == ["TASK-001", "planner", "TASK-001"]
    assert place.states() == {"TASK-001": "failed"}


def test_an_answer_that_does_not_fit_is_no_answer(place: Place) -> None:
    place.spec("TASK-001")
    planned(place, '{"replan": {"decision": "explode", "reason": "r"}}', "exit 1")
    events = place.events("--all", code=1)
    (replanned,) = [event for event in events if event["event"] == "task.replanned"]
    assert replanned["decision"] == "give_up"
    assert "does not fit its schema" in replanned["reason"]


def test_a_planner_that_outlives_a_killed_engine_is_not_paid_twice(place: Place) -> None:
    place.spec("TASK-001")
    agent = 'cat > brief; grep -q "the manual" brief && echo x > done || exit 1'
    answer = {"decision": "rewrite", "reason": "unclear", "description": "Read the manual."}
    planned(place, answer, agent, before=f"echo begun >> {place.root.parent}/begun; sleep 2;")
    engine = place.start("run", "--all")
    wait_for((place.root.parent / "begun").exists)
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    place.run("run", "--all")
    assert (place.root.parent / "begun").read_text().count("begun") == 1
    assert place.landed() == ["TASK-001"]
    assert place.json("costs", "--by", "stage")["total"]["calls"] == 3


def test_a_planner_beyond_the_budget_is_not_asked(place: Place) -> None:
    place.spec("TASK-001")
    planned(
        place,
        {"decision": "defer", "reason": "r"},
        receipting(place, "echo '{\"cost_usd\": 0.9}'; exit 1"),
        settings="[budget]\nrun_usd = 1.0\nreserve_usd = 0.3",
    )
    place.run("run", "--all", code=1)
    assert receipts(place) == ["TASK-001"]
