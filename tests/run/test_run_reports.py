"""What a run leaves for others, and how it calls for a person: from real runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from .conftest import Place
from .test_json_outputs import valid
from .test_terminal import watch

AGENT = """echo '{"cost_usd": 0.25, "usage": {"input_tokens": 5, "output_tokens": 2}}'
test $CHARGEHAND_TASK_ID = TASK-001 && touch good || touch bad"""
SETTINGS = '[retry]\nattempts = 2\n[gates.test]\ncommand = "test ! -e bad || { echo no good; exit 1; }"'


def results(place: Place, *args: str, code: int) -> Any:
    return json.loads(place.run("run", *args, "--json-result", code=code).stdout)


def test_a_run_leaves_results_summary_and_junit(place: Place, tmp_path: Path) -> None:
    place.spec("TASK-001", "TASK-002", "TASK-003 P1 after TASK-002")
    place.config(SETTINGS, agent=AGENT)
    step = tmp_path / "step.md"
    step.write_text("before\n")
    files = ("--summary", str(tmp_path / "s.md"), "--junit", str(tmp_path / "j.xml"))
    done = place.run("run", "--all", "--json-result", *files, code=1, env={"GITHUB_STEP_SUMMARY": str(step)})
    assert "gate test: fail" in done.stderr

    found = json.loads(done.stdout)
    for one in found:
        valid("result", one)
    assert [(one["task_id"], one["status"], one["attempts"], one["exit_code"]) for one in found] == [
        ("TASK-001", "done", 1, 0),
        ("TASK-002", "failed", 2, 1),
        ("TASK-003", "unknown", 0, 1),
    ]
    assert [one["verify_outcome"] for one in found] == ["pass", "unexpected_fail", "not_run"]
    assert found[1]["cost_usd"] == 0.5
    assert found[1]["tokens"] == {"input": 10, "output": 4}
    assert found[0]["error"] is None
    assert "gate test" in found[1]["error"]
    assert len(found[1]["error"]) <= 200

    text = (tmp_path / "s.md").read_text()
    assert "- Run ID: r1\n" in text
    assert "- TASK-001 (Do task-001): OK, " in text
    assert "- TASK-002 (Do task-002): FAIL (2 attempts" in text
    assert "- TASK-003 (Do task-003): BLOCKED (deps: TASK-002)" in text
    assert step.read_text() == "before\n" + text

    suite = ElementTree.fromstring((tmp_path / "j.xml").read_bytes()).find("testsuite")
    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1",
    }  # fmt: skip
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "no good" in (failure.text or "")


def test_one_task_is_one_result_and_none_is_a_message(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()
    one = valid("result", results(place, code=0))
    assert (one["task_id"], one["status"]) == ("TASK-001", "done")
    rest = results(place, "--all", code=0)
    assert rest["task_id"] == "TASK-002", "what was done before is not among what was asked for"
    assert results(place, "--all", code=0) == {"tasks": [], "message": "No tasks ready to execute"}


def test_a_task_that_became_ready_on_the_way_is_in_the_result(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", "TASK-003 P1 after TASK-002")
    place.config()
    assert [(one["task_id"], one["status"]) for one in results(place, "--all", code=0)] == [
        (f"TASK-00{number}", "done") for number in (1, 2, 3)
    ]


def test_files_that_cannot_be_written_are_refused_before_anything_runs(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    done = place.run("run", "--all", "--junit", "no/such/folder/j.xml", code=2)
    assert "cannot write no/such/folder/j.xml" in done.stderr
    assert not (place.root / ".chargehand").exists()
    assert "choose one" in place.run("run", "--json", "--json-result", code=2).stdout


def test_evil_titles_do_nothing_in_files(place: Place, tmp_path: Path) -> None:
    title = "Evil <img src=x> | `x` [a](b) ]]> & \x1b[2J"
    place.write("spec/tasks.md", f"### TASK-001: {title}\n🔴 P0 | ⬜ TODO\n")
    place.config()
    place.run("run", "--all", "--summary", str(tmp_path / "s.md"), "--junit", str(tmp_path / "j.xml"), code=None)
    text = (tmp_path / "s.md").read_text()
    assert "\\<img" in text
    assert "\\[a\\]" in text
    assert "\x1b" not in text
    case = ElementTree.fromstring((tmp_path / "j.xml").read_bytes()).find("testsuite/testcase")
    assert case is not None
    assert "]]> &" in (case.get("name") or "")


@pytest.fixture
def desktop(tmp_path: Path) -> dict[str, str]:
    """A desktop whose notifications end up in a file."""
    program = tmp_path / "bin/notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >> {tmp_path}/shown\necho >> {tmp_path}/shown\n')
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}", "DISPLAY": ":9", "CI": "", "TERM_PROGRAM": "WezTerm"}


def test_a_person_at_a_terminal_is_called(place: Place, desktop: dict[str, str], tmp_path: Path) -> None:
    place.spec("TASK-001")
    place.config('[approval]\ntasks = "all"\n[notify]\non = ["needs_you", "failed"]')
    _, written, code = watch(place, "run", "--all", env=desktop)
    assert code == 4
    assert b"\x1b]9;chargehand: TASK-001 needs you" in written
    assert "TASK-001 needs you" in (tmp_path / "shown").read_text()
    place.run("approve", "TASK-001")
    _, written, code = watch(place, "run", "--all", env=desktop)  # it finishes, and that is not in [notify] on
    assert code == 0
    assert b"\x07" not in written
    assert len((tmp_path / "shown").read_text().splitlines()) == 1


def test_ci_and_pipes_are_quiet_unless_told_otherwise(place: Place, desktop: dict[str, str], tmp_path: Path) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('[notify]\nwhen = "always"')
    _, written, _ = watch(place, "run", "--notify", "auto", env=desktop | {"CI": "true"})
    assert b"\x07" not in written
    done = place.run("run", "--all", env=desktop)
    assert "\x07" not in done.stdout
    assert (tmp_path / "shown").read_text().startswith("--app-name=chargehand|--|chargehand: run r1 finished|")
    assert len((tmp_path / "shown").read_text().splitlines()) == 1
