"""The rarer labels of spec-runner's format: what a task may touch and how it wants to be proven; ranges of estimates."""

from __future__ import annotations

import pytest
from tests.spec.spec_room import parse

from chargehand.model.errors import Problem
from chargehand.model.task import Proof, Task

HEAD = "### TASK-001: x\nP1 | TODO | Est: 1h\n"


def one(text: str) -> tuple[Task, list[Problem]]:
    tasks, problems = parse(HEAD + text, "t.md")
    return tasks[0], [problem for problem in problems if problem.severity == "error"]


def test_everything_such_a_task_may_say() -> None:
    task, errors = one(
        "Some words.\n**Mode:** tdd\n**Scenarios:** WEB:LOG-1, WEB:LOG-2b\n**Touches:** src/auth/**, `tests/x.py`\n"
        "**Negative-control:** patches/a.patch :: tests/test_x.py::test_y\n**Verifies:**\n\n- one [REQ-001]\n\n- two\n- [ ] a box\n"
    )
    assert errors == []
    assert task.touches == ("src/auth/**", "tests/x.py")
    assert task.proof == Proof(
        mode="tdd",
        verifies=("one [REQ-001]", "two"),
        scenarios=("WEB:LOG-1", "WEB:LOG-2b"),
        negative_control="patches/a.patch :: tests/test_x.py::test_y",
    )
    assert [item.text for item in task.checklist] == ["a box"]
    assert task.description == "Some words."


def test_dashes_mean_none_and_a_task_without_labels_has_no_proof() -> None:
    task, errors = one("**Mode:** standard\n**Verifies:** —\n**Scenarios:** none\n**Touches:** -\n")
    assert (task.proof, task.touches, errors) == (Proof(mode="standard"), (), [])
    assert one("")[0].proof is None


def test_it_is_part_of_what_the_task_asks_for() -> None:
    digests = {
        one(text)[0].digest for text in ("", "**Mode:** tdd\n", "**Touches:** a.py\n", "**Touches:** b.py\n", "**Verifies:** x\n")
    }
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("**Mode:** tddd\n", "task-proof", "did you mean tdd?"),
        ("**Touches:** ../x\n", "task-touches", "leads out of the project"),
        ("**Touches:** /etc/passwd\n", "task-touches", "not relative"),
        ("**Touches:** C:\\x\n", "task-touches", "not relative"),
        ("**Touches:** the whole parser\n", "task-touches", "is not a path"),
        ("**Scenarios:** LOG-1, WEB:LOG-2\n", "task-proof", "some have none"),
        ("**Scenarios:** login\n", "task-proof", "no scenario"),
        ("**Verifies:** a [b, c]\n", "task-proof", "comma in brackets"),
        ("**TDD-waiver:** because\n", "task-proof", "no waiver"),
        ("**Mode:** tdd\n**TDD-waiver:** characterisation · sanction: a/b#1\n", "task-proof", "mode standard"),
        ("**Negative-control:** a.patch\n", "task-proof", "no negative control"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, code: str, word: str) -> None:
    _, (error,) = one(text)
    assert (error.code, error.path) == (code, "t.md")
    assert word in f"{error.message} {error.hint}"
    assert 3 <= error.line <= 4
    assert error.column > 1


def test_a_mode_in_several_words_is_prose() -> None:
    task, errors = one("**Mode:** only in debug builds\n")
    assert (errors, task.proof) == ([], None)
    assert "only in debug builds" in task.description


@pytest.mark.parametrize(
    ("estimate", "low", "high"),
    [("2h", None, 2), ("2-4h", 2, 4), ("1–2d", 8, 16), ("0.5d", None, 4), ("30m-1h", 0.5, 1), ("1-2 days", 8, 16)],
)
def test_estimates_and_ranges(estimate: str, low: float | None, high: float) -> None:
    (task,), _ = parse(f"### KAP-2: x\nP1 | TODO | Est: {estimate}\n", "t.md")
    assert (task.low_hours, task.estimate_hours) == (low, high)
