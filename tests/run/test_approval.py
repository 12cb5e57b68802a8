"""A person's yes: bound to the commit, asked in the ledger, answered from another process, never an error."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .conftest import Place

ALL = '[approval]\ntasks = "all"\n'


def asked(place: Place) -> list[dict[str, Any]]:
    questions: list[dict[str, Any]] = place.json("approve")["questions"]
    return questions


def test_without_an_answer_the_run_ends_and_says_what_is_asked(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 after TASK-001")
    place.config(ALL)
    done = place.run("run", "--all", code=4)
    assert "chargehand diff TASK-001, then approve" in done.stdout
    assert place.states() == {"TASK-001": "needs_human", "TASK-002": "waiting"}
    assert place.landed() == []
    question = asked(place)[0]
    attempt = place.json("show", "TASK-001")["attempts"][0]
    assert (question["task"], question["commit"]) == ("TASK-001", attempt["commit"])
    assert "approve" in place.json("why", "TASK-001")["next"]


def test_what_is_approved_lands_without_another_agent(place: Place) -> None:
    place.spec("TASK-001")
    place.config(ALL)
    place.run("run", "--all", code=4)
    assert "the next `chargehand run` acts on it" in place.run("approve", "TASK-001", "--comment", "fine").stdout
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]
    shown = place.json("show", "TASK-001")
    assert len(shown["attempts"]) == 1
    said = shown["attempts"][0]["verdicts"][-1]
    assert (said["gate"], said["verdict"], said["evidence"]) == ("human", "pass", "fine")
    assert asked(place) == []


def test_a_running_engine_hears_the_answer(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 after TASK-001")
    place.config(ALL)
    with place.start("watch") as engine:
        for task in ("TASK-001", "TASK-002"):
            deadline = time.monotonic() + 30
            while not any(one["task"] == task for one in asked_or_nothing(place)):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            place.run("approve", task)
        deadline = time.monotonic() + 30
        while place.landed() != ["TASK-001", "TASK-002"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        place.run("stop")
        engine.communicate(timeout=30)


def asked_or_nothing(place: Place) -> list[dict[str, Any]]:
    done = place.run("approve", "--json", code=None)
    import json

    return [] if done.returncode else json.loads(done.stdout)["questions"]


def test_what_is_rejected_fails_and_says_by_whom(place: Place) -> None:
    place.spec("TASK-001")
    place.config(ALL)
    place.run("run", "--all", code=4)
    place.run("reject", "TASK-001", "--comment", "not like this")
    place.run("run", "--all", code=1)
    task = place.json("status")["tasks"][0]
    assert task["state"] == "failed"
    assert "not like this" in task["reason"]
    assert place.landed() == []


def test_a_fix_goes_back_to_the_agent_with_the_comment(place: Place) -> None:
    place.spec("TASK-001")
    place.config(ALL, agent='cat > brief.md; echo "$CHARGEHAND_ATTEMPT" > out.txt')
    place.run("run", "--all", code=4)
    first = asked(place)[0]["commit"]
    place.run("reject", "TASK-001", "--fix", "--comment", "call it by its NEW NAME")
    place.run("run", "--all", code=4)
    question = asked(place)[0]
    assert question["commit"] != first
    assert "NEW NAME" in place.read(place.json("show", "TASK-001")["attempts"][1]["prompt"])
    place.run("approve", "TASK-001")
    place.run("run", "--all")
    assert place.git("show", "main:out.txt") == "2"


def test_a_fix_needs_to_be_told(place: Place) -> None:
    place.spec("TASK-001")
    place.config(ALL)
    place.run("run", "--all", code=4)
    assert "--comment" in place.run("reject", "TASK-001", "--fix", code=2).stderr


def test_what_is_skipped_holds_nobody_up(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 after TASK-001", "TASK-003 P3")
    place.config('[approval]\ntasks = "P1"\n')
    place.run("run", "--all", code=4)
    place.run("skip", "TASK-001", "--comment", "done by hand")
    place.run("run", "--all", code=4)
    place.run("approve", "TASK-002")
    place.run("run", "--all")
    states = place.states()
    assert (states["TASK-001"], states["TASK-002"], states["TASK-003"]) == ("skipped", "landed", "landed")


def test_only_urgent_tasks_are_asked_about_where_that_is_wanted(place: Place) -> None:
    place.spec("TASK-001 P0", "TASK-002 P1")
    place.config('[approval]\ntasks = "P0"\n')
    place.run("run", "--all", code=4)
    assert place.states() == {"TASK-001": "needs_human", "TASK-002": "landed"}


def test_a_failed_task_can_be_skipped_too(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 after TASK-001")
    place.config("[retry]\nattempts = 1\n", agent='test "$CHARGEHAND_TASK_ID" = TASK-002 && echo x > x')
    place.run("run", "--all", code=1)
    place.run("skip", "TASK-001")
    place.run("run", "--all")
    assert place.states() == {"TASK-001": "skipped", "TASK-002": "landed"}


def test_nobody_is_asked_twice_and_nothing_is_answered_that_is_not_asked(place: Place) -> None:
    place.spec("TASK-001")
    place.config(ALL)
    place.run("run", "--all", code=4)
    assert "waits for your answer" in place.run("retry", "TASK-001", code=2).stderr
    place.run("approve", "TASK-001")
    place.run("run", "--all")
    assert "nothing is asked" in place.run("approve", "TASK-001", code=2).stderr
    assert "landed already" in place.run("skip", "TASK-001", code=2).stderr


def test_hitl_asks_about_everything_for_this_time(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.run("run", "--all", "--hitl", code=4)
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]


@pytest.mark.parametrize(
    ("otherwise", "code", "state"), [("approve", 0, "landed"), ("reject", 1, "failed"), ("skip", 0, "skipped")]
)
def test_when_nobody_answers_in_time_the_policy_does(place: Place, otherwise: str, code: int, state: str) -> None:
    place.spec("TASK-001")
    place.config(f'[approval]\ntasks = "all"\ntimeout_minutes = 0.01\notherwise = "{otherwise}"\n')
    place.run("run", "--all", code=code)
    assert place.states() == {"TASK-001": state}


def test_a_person_may_let_pass_what_a_gate_rejects(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[approval]\ngates = ["style"]\n[gates.style]\ncommand = "echo too long; exit 1"\n')
    place.run("run", "--all", code=4)
    assert "although gate style" in asked(place)[0]["text"]
    place.run("approve", "TASK-001")
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]
