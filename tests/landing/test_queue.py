"""The merge queue with many in it: groups share a run of the gates, and the target is green whatever it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import Place

TASKS = [f"TASK-{number:03d}" for number in range(1, 7)]

GATE = """echo run >> {log}
until test $(wc -l < {log}) -ge 6; do sleep 0.02; done
until test $(ls out | wc -l) = 1 || test $(wc -l < {log}) -ge 9; do sleep 0.02; done
! test -e out/TASK-002.txt || ! test -e out/TASK-005.txt"""
"""All six are judged at the same time on the base they began on, and merged ones wait until three are: the third is the first for
which two did not wait. Two are red together."""

AGENT = """mkdir -p out; other=none
case $CHARGEHAND_TASK_ID in TASK-002) other=TASK-005;; TASK-005) other=TASK-002;; esac
if test -e out/$other.txt; then echo both > out/with-$CHARGEHAND_TASK_ID.txt; else echo x > out/$CHARGEHAND_TASK_ID.txt; fi"""


def crowd(place: Place, tmp_path: Path, settings: str, gate: str = GATE) -> tuple[list[dict[str, Any]], list[str]]:
    """Six at once: the events, and what became of the target, commit by commit as it moved."""
    place.spec(*TASKS)
    command = gate.format(log=tmp_path / "gate.log")
    place.config(f'jobs = 6\n{settings}\n[gates.test]\ncommand = """{command}"""', agent=AGENT)
    first = place.git("rev-parse", "main")
    events = place.events("--all")
    assert events[-1]["state"] == "finished"
    assert sorted(place.landed()) == TASKS
    tips = list(dict.fromkeys(event["commit"] for event in events if event["event"] == "target.delivered"))
    assert tips[-1] == place.git("rev-parse", "main")
    assert place.git("rev-list", "--count", f"{first}..main") == "6"
    return events, tips


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def green(events: list[dict[str, Any]]) -> set[str]:
    """The commits on which the gate passed."""
    return {event["verdict"]["commit"] for event in of(events, "gate.verdict") if event["verdict"]["verdict"] == "pass"}


def red(place: Place, commit: str) -> bool:
    files = place.git("ls-tree", "--name-only", f"{commit}:out").split()
    return "TASK-002.txt" in files and "TASK-005.txt" in files


def test_those_that_wait_share_runs_of_the_gates_and_the_target_is_only_what_was_judged(place: Place, tmp_path: Path) -> None:
    events, tips = crowd(place, tmp_path, "", GATE.rpartition("\n")[0])
    together = [event for event in of(events, "task.landed") if "judged" in event]
    assert together, "nobody shared a run of the gates"
    landed, passed = {event["commit"] for event in of(events, "task.landed")}, green(events)
    for event in together:
        assert event["judged"] in landed & passed
        assert place.git("merge-base", event["commit"], event["judged"]) == event["commit"]
    assert set(tips) <= passed
    told = place.json("verify")
    assert (told["ok"], told["proven"], [one["code"] for one in told["findings"]]) == (True, 6, [])


@pytest.mark.parametrize("group", [1, 8])
def test_of_two_that_are_red_together_one_goes_back_and_the_rest_lands(place: Place, tmp_path: Path, group: int) -> None:
    events, tips = crowd(place, tmp_path, f"group = {group}")
    assert not [tip for tip in tips if tip not in green(events) or red(place, tip)], "the target was red, or nobody judged it"
    (failed,) = of(events, "attempt.ended")
    assert (failed["outcome"], failed["task"] in {"TASK-002", "TASK-005"}) == ("gate_failed", True)
    if group == 1:
        assert {event["commit"] for event in of(events, "task.landed")} <= green(events)


def test_who_says_so_may_let_changes_without_a_common_file_land_unjudged_and_verify_tells(place: Place, tmp_path: Path) -> None:
    gate = GATE.partition("\n! test")[0].partition("\nuntil test $(ls")[0]
    events, _ = crowd(place, tmp_path, 'rejudge = "overlap"', gate)
    assert len((tmp_path / "gate.log").read_text().splitlines()) == 6, "somebody was judged again"
    assert sum("judged" in event for event in of(events, "task.landed")) == 5
    told = place.json("verify")
    assert (told["ok"], told["proven"]) == (True, 6)
    assert {one["level"] for one in told["findings"] if one["code"] == "not-judged-again"} == {"note"}


@pytest.mark.parametrize("rejudge", ["always", "overlap"])
def test_changes_of_one_file_are_judged_together_whatever_the_setting(place: Place, tmp_path: Path, rejudge: str) -> None:
    place.spec("TASK-001", "TASK-002")
    place.write("shared.txt", "".join(f"{number}\n" for number in range(20)))
    log = tmp_path / "gate.log"
    command = f"echo run >> {log}; until test $(wc -l < {log}) -ge 2; do sleep 0.02; done"
    command += "; ! grep -q one shared.txt || ! grep -q two shared.txt"
    agent = """if grep -q one shared.txt || grep -q two shared.txt; then echo seen > seen.txt; exit; fi
        case $CHARGEHAND_TASK_ID in TASK-001) sed -i 's/^2$/one/' shared.txt;; *) sed -i 's/^17$/two/' shared.txt;; esac"""
    place.config(f'rejudge = "{rejudge}"\n[gates.test]\ncommand = """{command}"""', agent=agent)
    events = place.events("--all")
    assert sorted(place.landed()) == ["TASK-001", "TASK-002"]
    (failed,) = of(events, "attempt.ended")
    assert failed["outcome"] == "gate_failed"
    assert ("one" in place.read("shared.txt")) != ("two" in place.read("shared.txt"))


def test_what_conflicts_with_one_about_to_land_waits_for_it_and_no_gate_hears_of_it(place: Place, tmp_path: Path) -> None:
    place.write("shared.txt", "old\n")
    place.spec("TASK-001", "TASK-002", "TASK-003")
    log = tmp_path / "gate.log"
    command = f"""echo run >> {log}; until test $(wc -l < {log}) -ge 2; do sleep 0.02; done
grep -q old shared.txt || sleep 0.7"""
    agent = f"""case $CHARGEHAND_TASK_ID in TASK-003) echo x > apart.txt; exit;; esac
test $CHARGEHAND_TASK_ID = TASK-001 || until test $(wc -l < {log}) -ge 3; do sleep 0.02; done
grep -q old shared.txt && echo $CHARGEHAND_TASK_ID > shared.txt || echo $CHARGEHAND_TASK_ID >> shared.txt"""
    place.config(f'cage = "none"\n[gates.test]\ncommand = """{command}"""', agent=agent)
    events = place.events("--all")
    assert place.landed()[-1] == "TASK-002"
    (ended,) = of(events, "attempt.ended")
    assert (ended["attempt"], ended["outcome"]) == ("r1.TASK-002.1", "conflict")
    assert not [event for event in of(events, "gate.verdict") if event["attempt"] == ended["attempt"]]
    assert place.read("shared.txt").split() == ["TASK-001", "TASK-002"]
