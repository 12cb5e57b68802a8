"""The independent review: another agent looks at all that landed; what it finds becomes tasks, what it saw is kept."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping

from tests.run.conftest import Place

REVIEWER = """
[agents.critic]
command = ["/bin/sh", "-c", '''%s''']
"""
ON = '[review]\nindependent = true\nagents = ["critic"]\n'
WRITES = 'mkdir -p out && echo "$CHARGEHAND_TASK_ID" > "out/$CHARGEHAND_TASK_ID.txt"'


def answer(*findings: Mapping[str, object]) -> str:
    told = {
        "findings": findings,
        "summary": "read all of it",
        "test_plan": [{"what": "both files", "how": "ls out", "result": "pass"}],
        "coverage": [{"requirement": "REQ-001", "covered": False, "by": "no test"}],
    }
    return "echo '" + json.dumps({"review": told}) + "'"


BUG = {"id": "gap", "severity": "major", "file": "out/TASK-001.txt", "line": 1, "evidence": "it greets nobody", "fix": "greet"}
TASTE = {"id": "name", "severity": "minor", "file": "README.md", "evidence": "a dull name"}


def configure(place: Place, reviewer: str, settings: str = ON, agent: str = WRITES) -> None:
    place.write("spec/requirements.md", "# R\n\n#### REQ-001: Greeting\nThe program greets.\n")
    place.spec("TASK-001", "TASK-002")
    text = place.read("spec/tasks.md").replace("### TASK-002", "**Traces to:** [REQ-001]\n\n### TASK-002")
    place.write("spec/tasks.md", text)
    place.config(f'{settings}[gates.test]\ncommand = "test -d out"\n{REVIEWER % reviewer}', agent=agent)


def report(place: Place, name: str, run: str = "r1") -> str:
    return place.read(f".chargehand/review/{run}/{name}.md")


def test_findings_become_tasks_that_land_and_are_reviewed_again(place: Place) -> None:
    configure(place, f"cat > /dev/null; if test -e out/review-1-1.txt; then {answer()}; else {answer(BUG, TASTE)}; fi")
    place.run("run", "--all")
    assert place.states() == dict.fromkeys(["TASK-001", "TASK-002", "review-1", "review-1-1", "review-2"], "landed")
    assert sorted(place.landed()) == ["TASK-001", "TASK-002", "review-1-1"]
    told = place.read(".chargehand/attempts/r1.review-1-1.1/prompt.md")
    assert "it greets nobody" in told
    assert "greet" in told
    first = place.read(".chargehand/attempts/r1.review-1.1/prompt.md")
    assert place.json("show", "TASK-001")["attempts"][0]["proposal"][:12] in first
    assert "The program greets." in first
    assert "make the file of TASK-001" not in first  # nothing an author was told, or said
    assert {group["name"]: group["calls"] for group in place.json("costs", "--by", "stage")["groups"]} == {
        "agent": 3,
        "reviewer": 2,
    }
    assert "None." in report(place, "bug-report")


def test_the_reports_are_written_from_facts_and_from_what_it_said(place: Place) -> None:
    configure(place, f"cat > /dev/null; echo graffiti > out/TASK-001.txt; {answer(BUG, TASTE)}", ON + "rounds = 1\n")
    place.run("run", "--all")
    assert "| TASK-001: Do task-001 |" in report(place, "handoff")
    assert "`test`: `test -d out`" in report(place, "handoff")
    assert "| both files | ls out | pass |" in report(place, "test-plan")
    assert "it greets nobody" in report(place, "bug-report")
    assert "a dull name" in report(place, "code-review-report")
    assert "it greets nobody" not in report(place, "code-review-report")
    assert "| REQ-001 | TASK-001 (landed) | not covered: no test |" in report(place, "qa-coverage")
    assert place.read("out/TASK-001.txt") == "TASK-001\n"
    assert "review-2" not in place.states()
    assert not (place.root / "review").exists()


def test_asked_for_by_a_person_the_reports_can_be_landed_too(place: Place) -> None:
    configure(place, f"cat > /dev/null; {answer(BUG)}", '[review]\nagents = ["critic"]\n')
    assert "nothing has landed" in place.run("review-run", code=2).stderr
    place.run("run", "--all")
    assert "review-1" not in place.states()
    place.run("review-run", "--commit")
    assert place.landed()[-1] == "review-1"
    assert "it greets nobody" in place.git("show", "main:review/bug-report.md")
    states = place.states()
    assert (states["review-1"], states["review-1-1"]) == ("landed", "ready")
    place.run("run", "--all")
    assert place.landed()[-1] == "review-1-1"


def test_no_answer_is_never_a_pass(place: Place) -> None:
    configure(place, "echo all is well", ON + "[retry]\nattempts = 2\n")
    place.run("run", "--all", code=1)
    assert place.states()["review-1"] == "failed"
    assert "no findings" in place.json("why", "review-1")["reason"]
    assert len(place.json("show", "review-1")["attempts"]) == 2


def test_it_is_held_against_the_budget(place: Place) -> None:
    bill = """; echo '{"usage": {"input_tokens": 1, "output_tokens": 1}, "cost_usd": 0.4}'"""
    configure(place, answer(), ON + "[budget]\nrun_usd = 1.2\nreserve_usd = 0.5\n", agent=WRITES + bill)
    place.run("run", "--all", code=1)
    assert sorted(place.landed()) == ["TASK-001", "TASK-002"]
    assert place.states()["review-1"] == "ready"
    assert place.json("costs")["total"]["calls"] == 2
    place.run("run", "--all", "--budget", "5")
    assert place.states()["review-1"] == "landed"


def test_a_killed_engine_does_not_pay_for_it_twice(place: Place) -> None:
    counted = place.root.parent / "calls"
    configure(place, f"echo x >> {counted}; until test -e {counted}.go; do sleep 0.05; done; {answer(BUG)}", ON + "rounds = 1\n")
    with place.start("run", "--all") as process:
        while not counted.exists():
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    (counted.with_name("calls.go")).touch()
    place.run("run", "--all")
    assert counted.read_text() == "x\n"
    assert sorted(place.landed()) == ["TASK-001", "TASK-002", "review-1-1"]
