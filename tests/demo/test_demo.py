"""`chargehand demo` as a user runs it: nothing prepared, and settings of his that would spoil it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.xdist_group("demo")  # the runs are shared by all tests here

TASKS = [f"TASK-{number:03d}" for number in range(1, 11)]

SPOILERS = {
    ".gitconfig": "[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /nonexistent\n\tautocrlf = true\n\texcludesFile = ~/.ignore\n",
    ".ignore": "*.py\n*.md\n",
    ".config/chargehand/config.toml": 'agent = "mine"\n[agents.mine]\ncommand = "false"\n[gates.mine]\ncommand = "false"\n',
}


class Demo(NamedTuple):
    folder: Path
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def git(self, *args: str) -> str:
        alone = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(["git", *args], cwd=self.folder, env=alone, capture_output=True, text=True, check=True).stdout

    def chargehand(self, *args: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "chargehand", *args, "--json"]
        found = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout
        return dict(json.loads(found))


def begin(cwd: Path, home: Path | None, *args: str) -> subprocess.Popen[str]:
    cwd.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if name != "HOME" and not name.startswith(("CHARGEHAND_", "GIT_", "XDG_"))
    }
    env = {**kept, "HOME": str(home), "CHARGEHAND_JOBS": "many"} if home else kept
    command = [sys.executable, "-m", "chargehand", "demo", "--keep", "made here", *args]
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Demo, Demo]:
    """Two demos at once: one that speaks JSON among hostile settings, one in plain words without a home, two tasks at a time."""
    top = tmp_path_factory.mktemp("demo")
    home = top / "home"
    for path, text in SPOILERS.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    begun = [begin(top / "json", home, "--json"), begin(top / "plain", None, "--jobs", "2")]
    found: list[Demo] = []
    try:
        for process in begun:
            out, err = process.communicate()
            found.append(Demo(Path(top, "json" if not found else "plain", "made here"), process.returncode, out, err))
    finally:
        for process in begun:
            process.kill()
    return found[0], found[1]


@pytest.fixture
def demo(demos: tuple[Demo, Demo]) -> Demo:
    return demos[0]


@pytest.fixture
def plain(demos: tuple[Demo, Demo]) -> Demo:
    return demos[1]


def suite(folder: Path) -> str:
    command = [sys.executable, "-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr


def test_all_ten_land_and_it_says_so(demo: Demo) -> None:
    assert demo.code == 0, demo.err
    assert sorted(event["task"] for event in demo.events if event["event"] == "task.landed") == TASKS
    last = demo.events[-1]
    assert (last["event"], last["tasks"], last["landed"], last["exit_code"]) == ("demo.finished", 10, 10, 0)
    assert last["folder"] == str(demo.folder.resolve())
    assert len(last["next"]) == 3


def test_one_gate_fails_once_and_the_agent_is_told_why(demo: Demo) -> None:
    failed = [event["attempt"] for event in demo.events if event["event"] == "attempt.ended" and event["outcome"] == "gate_failed"]
    assert failed == ["r1.TASK-001.1"]
    assert "'9.99' != '10.00'" in (demo.folder / ".chargehand/attempts/r1.TASK-001.2/prompt.md").read_text()
    setback = next(one for one in demo.events[-1]["setbacks"] if one["outcome"] == "gate_failed")
    assert (setback["task"], setback["landed"], setback["told"]) == ("TASK-001", 2, "AssertionError: '9.99' != '10.00'")
    assert [one["outcome"] for one in demo.chargehand("show", "TASK-001")["attempts"]] == ["gate_failed", "landed"]


def test_several_tasks_are_at_work_at_once(demo: Demo) -> None:
    at_work, most = set(), 0
    for event in demo.events:
        if event["event"] == "attempt.claimed":
            at_work.add(event["attempt"])
        elif event["event"] == "attempt.exited":
            at_work.discard(event["attempt"])
        most = max(most, len(at_work))
    assert most >= 3


def test_two_tasks_change_the_same_file_and_both_changes_stay(demo: Demo) -> None:
    changed = {event["task"]: event["files"] for event in demo.events if event["event"] == "attempt.taken"}
    assert "splitbill/money.py" in changed["TASK-001"]
    assert "splitbill/money.py" in changed["TASK-002"]
    text = (demo.folder / "splitbill/money.py").read_text()
    assert "def split(" in text
    assert "_AMOUNT.fullmatch" in text


def test_whoever_meets_a_moved_target_is_judged_again_as_merged(demo: Demo) -> None:
    for event in demo.events:
        if event["event"] == "task.landed":
            said = [one["verdict"] for one in demo.events if one["event"] == "gate.verdict" and one["task"] == event["task"]]
            passed = [verdict["gate"] for verdict in said if verdict["commit"] == event["commit"] and verdict["verdict"] == "pass"]
            assert passed == ["compile", "test"]


def test_main_has_one_commit_for_each_task(demo: Demo) -> None:
    form = (
        "--format=%(trailers:key=Chargehand-Task,valueonly,separator=%x2C) %(trailers:key=Chargehand-Run,valueonly,separator=%x2C) "
    )
    form += "%(trailers:key=Chargehand-Attempt,valueonly,separator=%x2C) %P"
    *landed, first = [line.split() for line in demo.git("log", form, "main").splitlines()]
    assert first == []
    assert sorted(task for task, _, _, _ in landed) == TASKS
    assert {run for _, run, _, _ in landed} == {"r1"}
    assert {task: attempt for task, _, attempt, _ in landed}["TASK-001"] == "2"


def test_the_checkout_is_clean_and_shows_the_landed_spec(demo: Demo) -> None:
    assert demo.git("status", "--porcelain") == ""
    spec = demo.git("show", "main:spec/tasks.md")
    assert spec.count("✅ DONE") == 10
    assert "TODO" not in spec
    assert "- [ ]" not in spec
    assert spec == (demo.folder / "spec/tasks.md").read_text()


def test_the_suite_is_green_and_counted_right(demo: Demo) -> None:
    assert f"Ran {demo.events[-1]['tests']} tests" in suite(demo.folder)
    assert demo.events[-1]["tests"] > 40


def test_the_bill_is_what_the_ledger_says(demo: Demo) -> None:
    total = demo.chargehand("costs")["total"]
    assert total["calls"] == demo.events[-1]["attempts"]
    assert total["unmeasured"] == 0
    assert total["cost_usd"] == pytest.approx(demo.events[-1]["cost_usd"])
    assert total["cost_usd"] > 1


def test_in_a_pipe_it_ends_with_a_story_and_three_commands(plain: Demo) -> None:
    assert plain.code == 0, plain.err
    assert "10 of 10 tasks landed on main" in plain.out
    assert "TASK-001 failed its gate: AssertionError: '9.99' != '10.00'; the agent was told so, and attempt 2 landed" in plain.out
    assert "once more just now: 45 tests, OK" in plain.out
    assert "What a real agent would have cost: about $2." in plain.out
    _, _, following = plain.out.partition("\nNext:\n")
    first, second, third = following.splitlines()
    assert first.strip() == f"cd '{plain.folder.resolve()}' && git log --stat"
    assert "show TASK-001" in second
    assert " init" in third
    assert "\x1b" not in plain.out


def test_an_old_project_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    command = [sys.executable, "-m", "chargehand", "demo", "--keep", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "is not an empty folder" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
