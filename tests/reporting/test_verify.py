"""``chargehand verify``: what is ticked must be proven, by the ledger and by the repository as it is now."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tests.run.conftest import Place

from .conftest import Desk, valid


def findings(told: Any) -> list[tuple[str, str, str]]:
    return [(one["level"], one["code"], one["task"] or one["requirement"]) for one in told["findings"]]


def verify(place: Place, *args: str, code: int = 0) -> Any:
    return valid("compliance", place.json("verify", *args, code=code))


def test_after_a_whole_run_everything_is_proven(traced: Place) -> None:
    traced.run("run", "--all")
    told = verify(traced, "--strict")
    assert told["ok"] is True
    assert (told["tasks"], told["ticked"], told["proven"], told["requirements"], told["met"]) == (3, 3, 3, 2, 2)
    assert (told["target"], told["tip"]) == ("main", traced.git("rev-parse", "main"))
    assert traced.run("verify").stdout == "ok: 3 of 3 tasks ticked, 3 proven on main; 2 of 2 requirements met\n"


def test_a_run_that_is_not_over_leaves_requirements_open(traced: Place) -> None:
    traced.run("run", "--task", "TASK-001")
    told = verify(traced, code=1)
    assert findings(told) == [("problem", "open-requirement", "REQ-002")]
    assert (told["proven"], told["met"]) == (1, 1)
    assert verify(traced, "--task", "TASK-001")["ok"] is True
    assert "problem: REQ-002 is not met: TASK-002 is not proven" in traced.run("verify", code=1).stdout


def test_a_requirement_nobody_works_on(traced: Place) -> None:
    traced.run("run", "--all")
    traced.write("spec/requirements.md", traced.read("spec/requirements.md") + "\n#### REQ-003: Forgotten\n")
    assert findings(verify(traced, code=1)) == [("problem", "uncovered-requirement", "REQ-003")]


def test_a_tick_is_no_proof(traced: Place) -> None:
    traced.run("task", "done", "TASK-001", "--force")
    assert ("problem", "ticked-unproven", "TASK-001") in findings(verify(traced, code=1))
    traced.commit("ticked")
    traced.run("run", "--all")
    told = verify(traced, code=1)
    assert findings(told) == [("problem", "ticked-unproven", "TASK-001"), ("problem", "open-requirement", "REQ-001")]
    assert "somebody ticked it by hand" in told["findings"][0]["message"]
    assert told["proven"] == 2


def test_what_landed_must_be_ticked(traced: Place) -> None:
    traced.run("run", "--all")
    traced.write("spec/tasks.md", traced.read("spec/tasks.md").replace("🔴 P0 | ✅ DONE", "🔴 P0 | ⬜ TODO"))
    assert findings(verify(traced, code=1)) == [
        ("problem", "landed-unticked", "TASK-001"),
        ("problem", "open-requirement", "REQ-001"),
    ]
    traced.run("task", "done", "TASK-001", "--force")
    assert verify(traced)["ok"] is True


def test_work_that_is_no_longer_on_the_target_is_missed(traced: Place) -> None:
    traced.run("run", "--all")
    spec, tip = traced.read("spec/tasks.md"), traced.git("rev-parse", "main")
    last = traced.landed()[-1]
    traced.git("reset", "--quiet", "--hard", "HEAD~1")
    traced.write("spec/tasks.md", spec)
    told = verify(traced, code=1)
    assert ("problem", "not-on-target", last) in findings(told)
    assert told["findings"][0]["commit"] == tip
    assert told["proven"] == 2


def test_what_was_squashed_by_hand_is_there_as_long_as_the_files_are_those_that_landed(traced: Place) -> None:
    traced.run("run", "--all")
    traced.git("reset", "--quiet", "--soft", "HEAD~2")
    now = traced.commit("all of it")
    traced.git("reflog", "expire", "--expire=now", "--all")
    traced.git("gc", "--quiet", "--prune=now")
    traced.write("mine.txt", "mine")
    traced.commit("mine")
    told = verify(traced)
    assert [(one["level"], one["code"], one["commit"]) for one in told["findings"]] == [("note", "rewritten", now)] * 2
    assert (told["proven"], told["met"]) == (3, 2)
    assert verify(traced, "--strict", code=1)["ok"] is False

    traced.write("spec/tasks.md", traced.read("spec/tasks.md") + "\n### TASK-009: More\n🟠 P1 | ⬜ TODO\n")
    traced.commit("more")
    assert [one["task"] for one in traced.events("--all") if one["event"] == "task.landed" and one.get("attempt")] == ["TASK-009"]
    assert verify(traced)["proven"] == 4

    traced.git("reset", "--quiet", "--soft", f"{now}~1")
    traced.commit("all of it, and mine")
    assert {code for _, code, _ in findings(verify(traced))} == {"rewritten"}
    traced.write("mine.txt", "not what was judged")
    traced.git("commit", "--quiet", "--all", "--amend", "--message", "all of it, and more")
    assert {code for level, code, _ in findings(verify(traced, code=1)) if level == "problem"} >= {"not-on-target"}


def test_a_commit_the_repository_has_lost_is_missed_too(traced: Place) -> None:
    traced.run("run", "--task", "TASK-003")
    base = traced.git("rev-parse", "HEAD~1")
    spec = traced.read("spec/tasks.md")
    traced.git("reset", "--quiet", "--hard", base)
    traced.git("reflog", "expire", "--expire=now", "--all")
    traced.git("gc", "--quiet", "--prune=now")
    traced.write("spec/tasks.md", spec)
    assert findings(verify(traced, "--task", "TASK-003", code=1)) == [("problem", "not-on-target", "TASK-003")]


def test_words_in_a_commit_do_not_make_it_the_one_that_landed(traced: Place) -> None:
    traced.run("run", "--task", "TASK-003")
    message, spec = traced.git("log", "-1", "--format=%B"), traced.read("spec/tasks.md")
    traced.git("reset", "--quiet", "--hard", "HEAD~1")
    traced.write("spec/tasks.md", spec)
    traced.commit(message)
    assert traced.landed() == ["TASK-003"]
    assert findings(verify(traced, "--task", "TASK-003", code=1)) == [("problem", "not-on-target", "TASK-003")]


def test_work_that_waits_to_be_taken_over_is_told_with_the_command(place: Place) -> None:
    place.write("mine.txt", "one\n")
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "true"\n')
    place.write("mine.txt", "two\n")
    place.run("run", "--all")
    told = verify(place, code=1)
    assert findings(told) == [("problem", "landed-unticked", "TASK-001"), ("problem", "not-on-target", "TASK-001")]
    (command,) = {one["hint"] for one in told["findings"]}
    place.git("checkout", "--quiet", "mine.txt")
    place.git(*shlex.split(command)[1:])
    assert verify(place)["ok"] is True


def test_work_that_was_joined_with_commits_of_the_user_lies_there_under_another_name(place: Place) -> None:
    place.write("mine.txt", "one\n")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('[gates.test]\ncommand = "true"\n')
    place.write("mine.txt", "two\n")
    place.run("run", "--task", "TASK-001")
    place.git("commit", "--quiet", "--all", "--message", "my own")
    events = place.events("--all")
    told = verify(place)
    assert findings(told) == [("note", "replayed", "TASK-001")]
    assert told["proven"] == 2
    now = told["findings"][0]["commit"]
    (moved,) = [one for one in events if one["event"] == "target.moved" and one["commits"]]
    assert list(moved["commits"].values()) == [now]
    assert [task["commit"] for task in place.json("status")["tasks"]] == [now, place.git("rev-parse", "main")]
    assert place.git("log", "-1", "--format=%s", now) == "TASK-001: Do task-001"
    assert place.git("merge-base", "main", now) == now
    assert verify(place, "--strict", code=1)["ok"] is False
    message, spec = place.git("log", "-1", "--format=%B"), place.read("spec/tasks.md")
    place.git("reset", "--quiet", "--hard", "HEAD~1")
    place.write("spec/tasks.md", spec)
    place.commit(message)
    assert findings(verify(place, code=1)) == [("note", "replayed", "TASK-001"), ("problem", "not-on-target", "TASK-002")]


def test_without_gates_nothing_was_judged(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.run("run", "--all")
    assert findings(verify(place)) == [("note", "no-gate", "TASK-001")]
    assert verify(place, "--strict", code=1)["ok"] is False


def test_what_a_person_let_pass_is_noted_with_his_name(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[approval]\ngates = ["style"]\n[gates.style]\ncommand = "echo too long; exit 1"\n')
    place.run("run", "--all", code=4)
    place.run("approve", "TASK-001")
    place.run("run", "--all")
    told = verify(place)
    assert findings(told) == [("note", "gate-failed", "TASK-001")]
    assert told["findings"][0]["hint"].endswith("let it pass")


def test_a_task_with_gates_of_its_own_is_held_against_these(place: Place) -> None:
    head = '+++\n[tasks.TASK-001]\ngates = ["quick"]\n+++\n'
    place.spec("TASK-001", commit=False)
    place.write("spec/tasks.md", head + place.read("spec/tasks.md"))
    place.config('[gates.quick]\ncommand = "true"\n[gates.slow]\ncommand = "false"\n')
    place.run("run", "--all")
    assert verify(place, "--strict")["proven"] == 1
    place.write("spec/tasks.md", place.read("spec/tasks.md").replace('["quick"]', '["quick", "slow"]'))
    assert findings(verify(place, code=1)) == [("problem", "gate-unheard", "TASK-001")]


def test_where_an_exit_code_is_the_evidence_it_is(tmp_path: Path, place: Place) -> None:
    place.spec("TASK-001")
    place.config('evidence = "exit"', agent="true")
    place.run("run", "--all")
    assert verify(place, "--strict")["proven"] == 1
    here = Desk(tmp_path / "bare")
    here.write("spec/tasks.md", "### TASK-001: Check\n🔴 P0 | ⬜ TODO\n")
    here.write("chargehand.toml", 'workspace = "in-place"\nevidence = "exit"\n[agents.sh]\ncommand = ["true"]\n')
    here.run("run", "--all")
    assert verify(here, "--strict")["proven"] == 1, "no git at all"


def test_the_next_run_keeps_the_proof_of_the_last_and_a_reset_forgets_it(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "true"\n')
    place.run("run", "--all")
    place.write("spec/tasks.md", place.read("spec/tasks.md") + "\n### TASK-002: More\n🟠 P1 | ⬜ TODO\n")
    place.commit("more")
    place.run("run", "--all")
    assert verify(place, "--strict")["proven"] == 2
    place.run("reset", "--yes")
    told = verify(place, code=1)
    assert findings(told) == [("problem", "ticked-unproven", "TASK-001"), ("problem", "ticked-unproven", "TASK-002")]


def test_what_landed_and_was_taken_out_of_the_spec_is_noted(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('[gates.test]\ncommand = "true"\n')
    place.run("run", "--all")
    place.spec("TASK-001", commit=False)
    place.run("task", "done", "TASK-001", "--force")
    assert findings(verify(place)) == [("note", "not-in-spec", "TASK-002")]


def test_an_untouched_project_and_an_unknown_task(place: Place) -> None:
    place.spec("TASK-001")
    told = verify(place)
    assert (told["ok"], told["tip"], told["proven"]) == (True, None, 0)
    assert "there is no task TASK-9" in place.run("verify", "--task", "TASK-9", code=2).stderr
