"""Reads OpenSpec changes: groups, numbers, boxes without any."""

from __future__ import annotations

from tests.spec.spec_room import parse

from chargehand.spec import openspec
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE
from chargehand.spec.writeback import mark

FORMAT = "openspec"


def test_groups_and_order_are_needs() -> None:
    text = "## 1. A\n- [x] 1.1 a\n- [ ] 1.2 b [P]\n- [ ] 1.3 c [P]\n## 2. B\n- [ ] 2.1 d in `src/d.rs`\n"
    tasks, problems = parse(text, "t", FORMAT)
    assert not problems
    assert [(task.id, task.needs, task.milestone) for task in tasks] == [
        ("1.1", (), "1. A"),
        ("1.2", ("1.1",), "1. A"),
        ("1.3", ("1.1",), "1. A"),
        ("2.1", ("1.2", "1.3"), "2. B"),
    ]
    assert tasks[3].files == ("src/d.rs",)


def test_numbers_below_numbers_are_the_tasks() -> None:
    text = "- [ ] 1.1 a\n  - [ ] 1.1.1 b\n  - [ ] 1.1.2 c\n  - [ ] without a number\n"
    tasks, problems = parse(text, "t", FORMAT)
    assert [(task.title, task.milestone, task.group) for task in tasks] == [
        ("a", "", True),
        ("b", "a", False),
        ("c", "a", False),
        ("without a number", "", False),
    ]
    assert tasks[0].needs == ("1.1.1", "1.1.2")
    assert not problems


def test_boxes_without_numbers_keep_their_ids_when_lines_are_put_above() -> None:
    text = "- [ ] Wire the parser\n  - [x] detail\n- [ ] Wire the parser\n- [ ] 写测试\n"
    before = [task.id for task in parse(text, "t", FORMAT)[0]]
    after = [task.id for task in parse("# New\n- [x] First\n" + text, "t", FORMAT)[0]]
    assert len(before) == len(set(before)) == 3
    assert after[1:] == before
    assert [item.text for item in parse(text, "t", FORMAT)[0][0].checklist] == ["detail"]


def test_a_spec_delta_is_refused_at_its_heading() -> None:
    _, problems = parse("# x\n\n## ADDED Requirements\n### Requirement: y\n", "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [("no-tasks", 3)]


def test_headings_as_tasks_with_named_needs() -> None:
    none = "**Dependencies**: None\n"
    text = f"## Task 1: a\n{none}## Task 2: b\n{none}## Task 3: c\n**Dependencies**: Task 1, Task 2\n"
    assert {task.id: task.needs for task in parse(text, "t", FORMAT)[0]} == {
        "task-1": (),
        "task-2": (),
        "task-3": ("task-1", "task-2"),
    }


def test_a_number_twice_is_refused() -> None:
    _, problems = parse("- [ ] 1.1 a\n- [ ] 1.1 b\n", "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [("duplicate-id", 2)]


def test_marks() -> None:
    text = "- [~] 1.1 a\n\t- [ ] detail\n"
    assert mark(text, "1.1", "done", tick=True, format_name=FORMAT) == text.replace("~", "x").replace("[ ]", "[x]")
    assert mark(text, "1.1", "blocked", tick=False, format_name=FORMAT) is None


def test_recognition() -> None:
    assert openspec.recognise("openspec/changes/a/tasks.md", "- [ ] a\n") == CERTAIN
    assert openspec.recognise("t.md", "## 1. A\n- [ ] 1.1 a\n") == LIKELY
    assert openspec.recognise("t.md", "- [ ] a\n") == NO
    assert openspec.recognise("openspec/changes/a/tasks.md", "### 1.1 a\n") == POSSIBLE
