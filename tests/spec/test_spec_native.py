"""Our own format: TOML front matter above a tasks.md."""

from __future__ import annotations

import pytest
from tests.spec.spec_room import parse as read

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.load import check
from chargehand.spec.writeback import mark

BODY = """
# Tasks

### TASK-001: One
P1 | TODO | Est: 1h

### TASK-002: Two
P1 | TODO | Est: 1h
**Touches:** docs/**
**Depends on:** [TASK-001]
"""
FRONT = """+++
[defaults]
agent = "claude"
gates = ["test"]

[tasks.TASK-001]
touches = ["src/auth/**"]
budget_usd = 2.5
attempts = 2

[tasks.TASK-002]
agent = "codex"
manual = true
touches = ["x"]
+++
"""


def found(text: str) -> tuple[dict[str, Task], list[Problem]]:
    tasks, problems = read(text, "spec/tasks.md", "chargehand")
    return {task.id: task for task in tasks}, list(problems)


def test_keys_of_a_task() -> None:
    tasks, problems = found(FRONT + BODY)
    assert problems == []
    one, two = tasks.values()
    assert one.terms is not None
    assert (one.terms.agent, one.terms.gates, one.terms.budget_usd, one.terms.attempts) == ("claude", ("test",), 2.5, 2)
    assert one.touches == ("src/auth/**",)
    assert two.terms is not None
    assert (two.terms.agent, two.manual, two.touches) == ("codex", True, ("docs/**",))  # what stands at the task counts
    assert two.needs == ("TASK-001",)


def test_it_is_known_by_its_front_matter_also_in_another_formats_place() -> None:
    spec, _ = check((FRONT + BODY).encode(), "spec/tasks.md")
    assert spec is not None
    assert spec.format == "chargehand"


def test_what_a_task_asks_for_is_in_its_digest() -> None:
    before, after = found(FRONT + BODY)[0], found(FRONT.replace("2.5", "3.5") + BODY)[0]
    assert before["TASK-001"].digest != after["TASK-001"].digest
    assert before["TASK-002"].digest == after["TASK-002"].digest


def test_marking_leaves_the_front_matter_alone() -> None:
    text = FRONT + BODY
    assert mark(text, "TASK-002", "done", True, "chargehand") == FRONT + BODY.replace("Two\nP1 | TODO", "Two\nP1 | DONE")


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ('touches = ["src', 'touchs = ["src', 7, 'there is no key "touchs"', "did you mean touches?"),
        ("budget_usd = 2.5", "budget_usd = -1", 8, "budget_usd: Expected `float` >= 0.0", "docs/spec.md"),
        ("budget_usd = 2.5", "budget_usd = nan", 8, "budget_usd", ""),
        ("budget_usd = 2.5", "budget_usd = inf", 8, "budget_usd", ""),
        ("attempts = 2", "attempts = 99999999999999999999", 9, "attempts", ""),
        ("[tasks.TASK-002]", "[tasks.TASK-003]", 11, 'there is no task "TASK-003"', "did you mean TASK-002?"),
        ("[defaults]", "[default]", 2, 'there is no table or key "default"', "did you mean defaults?"),
        ("src/auth/**", "../../etc", 6, '"../../etc" leads out of the project', ""),
        ("budget_usd = 2.5", "budget_usd = ", 8, "Invalid value", "TOML"),
        ("budget_usd = 2.5", "budget_usd = 1\nbudget_usd = 2", 9, "Cannot overwrite a value", "TOML"),
    ],
)
def test_what_is_wrong_has_its_place(old: str, new: str, line: int, message: str, hint: str) -> None:
    _, problems = found(FRONT.replace(old, new) + BODY)
    errors = [problem for problem in problems if problem.severity == "error"]
    assert len(errors) == 1, errors
    assert message in errors[0].message
    assert hint in errors[0].hint
    assert errors[0].line == line


@pytest.mark.parametrize("front", ["+++\na = 1\n", "+++\na=" + "[" * 5_000 + "\n+++\n", "+++\n" + "[a.b]\n" * 2 + "+++\n"])
def test_no_front_matter_brings_it_down(front: str) -> None:
    _, problems = found(front + BODY)
    assert any(problem.code == "front-matter" for problem in problems)
