"""Reads Kiro: groups and sub-tasks, optional ones, requirements, waves."""

from __future__ import annotations

import pytest
from tests.spec.format_kit import errors
from tests.spec.spec_room import parse

from chargehand.spec import kiro
from chargehand.spec.formats import CERTAIN, NO, POSSIBLE
from chargehand.spec.writeback import mark

FORMAT = "kiro"


def needs(text: str) -> dict[str, tuple[str, ...]]:
    tasks, problems = parse(text, ".kiro/specs/x/tasks.md", FORMAT)
    assert not errors(problems), problems
    return {task.id: task.needs for task in tasks}


def test_a_group_is_done_when_its_sub_tasks_are() -> None:
    text = "- [ ] 1. Set up\n  - in general\n  - [x] 1.1 Sub\n    - _Requirements: 1.1-1.3, 2_\n  - [ ]* 1.2 Test\n- [ ] 2. Next\n"
    tasks, problems = parse(text, "t", FORMAT)
    assert [(task.id, task.status, task.milestone, task.tags) for task in tasks] == [
        ("1", "todo", "", ()),
        ("1.1", "done", "Set up", ()),
        ("1.2", "todo", "Set up", ("optional",)),
        ("2", "todo", "", ()),
    ]
    assert [task.id for task in tasks if task.group] == ["1"]
    assert tasks[0].needs == ("1.1",)
    assert tasks[1].context == "- in general"
    assert tasks[1].traces == ("1.1", "1.2", "1.3", "2")
    assert not problems
    assert mark(text, "1", "done", tick=True, format_name=FORMAT) == text.replace("- [ ] 1. ", "- [x] 1. ")


def test_a_box_without_a_number_right_below_a_group_is_told_of_and_never_ticked() -> None:
    text = "- [ ] 1. a\n  - [ ] 1.1 b\n    - [ ] detail of b\n  - [ ] left alone\n"
    tasks, problems = parse(text, "t", FORMAT)
    assert [(task.id, [item.text for item in task.checklist]) for task in tasks] == [("1", []), ("1.1", ["detail of b"])]
    assert [(found.code, found.line) for found in problems] == [("no-id", 4)]
    assert "- [ ] left alone" in (mark(text, "1", "done", tick=True, format_name=FORMAT) or "")


def test_a_group_of_optional_ones_is_done_when_they_are_and_they_wait_for_what_is_above() -> None:
    text = "- [ ] 1. a\n- [ ]* 2. tests\n  - [ ]* 2.1 b\n  - [ ]* 2.2 c\n"
    tasks, _ = parse(text, "t", FORMAT)
    assert [(task.id, task.needs, task.group) for task in tasks] == [
        ("1", (), False),
        ("2", ("2.1", "2.2"), True),
        ("2.1", ("1",), False),
        ("2.2", ("1",), False),
    ]


def test_order_is_the_texts_and_nothing_waits_for_what_is_optional() -> None:
    text = "- [ ] 1. a\n- [ ]* 1.1 test\n- [ ] 2. b\n- [ ] 3. c\n"
    assert needs(text) == {"1": (), "1.1": ("1",), "2": ("1",), "3": ("2",)}


def test_parallel_marks_and_named_needs() -> None:
    text = "- [ ] 1.1 a (P)\n- [ ] 1.2 b (P)\n- [ ] 1.3 c\n- [ ] 2.1 d (P)\n  - _Depends: 1.1_\n"
    assert needs(text) == {"1.1": (), "1.2": (), "1.3": ("1.1", "1.2"), "2.1": ("1.1", "1.3")}


@pytest.mark.parametrize(
    "waves", ['{"waves": [["1.1", "3"], ["2"]]}', '{"waves": [{"id": 0, "tasks": ["1.1", "3"]}, {"id": 1, "tasks": ["2"]}]}']
)
def test_waves_are_needs(waves: str) -> None:
    text = f"- [ ] 1. g\n  - [ ] 1.1 a\n- [ ] 2. b\n- [ ] 3. c\n- [ ] 4. Checkpoint\n\n```json\n{waves}\n```\n"
    assert needs(text) == {"1": ("1.1",), "1.1": (), "2": ("1.1", "3"), "3": (), "4": ("1.1", "2", "3")}


def test_waves_that_are_broken_or_name_nothing_are_told_of() -> None:
    text = '- [ ] 1. a\n```json\n{"waves": [["1", "7"]]}\n```\n```json\n{"waves": [["1"]\n```\n'
    _, problems = parse(text, "t", FORMAT)
    assert [(found.code, found.severity, found.line) for found in problems] == [
        ("unknown-need", "warning", 3),
        ("json", "error", 6),
    ]


def test_requirements_in_other_scripts() -> None:
    text = (
        "- [ ] 1. a\n  - _需求：2.1, 2.2_\n- [ ] 2. b\n  - **Validates: Requirements 1.4**\n- [ ] 3. c\n  - _Requirements: All_\n"
    )
    assert [task.traces for task in parse(text, "t", FORMAT)[0]] == [("2.1", "2.2"), ("1.4",), ()]


def test_problems_are_told_at_their_places() -> None:
    _, problems = parse("- [ ] 1. a\n- [ ] 1. b\n- [ ] c\n", "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [("duplicate-id", 2), ("no-id", 3)]


def test_marks() -> None:
    text = "- [-] 1. a\r\n- [ ]* 2. b\r\n  - [ ] detail"
    assert parse(text, "t", FORMAT)[0][0].status == "in_progress"
    assert mark(text, "1", "done", tick=False, format_name=FORMAT) == text.replace("[-]", "[x]")
    assert mark(text, "2", "in_progress", tick=False, format_name=FORMAT) == text.replace("[ ]*", "[-]*")
    assert mark(text, "2", "done", tick=True, format_name=FORMAT) == text.replace("[ ]", "[x]")
    assert mark(text, "2", "review", tick=False, format_name=FORMAT) is None


def test_recognition() -> None:
    assert kiro.recognise(".kiro/specs/a/tasks.md", "- [ ] 1. a\n") == CERTAIN
    assert kiro.recognise("t.md", "- [ ] 1. a\n  - _Requirements: 1.1_\n") == CERTAIN
    assert kiro.recognise("t.md", "- [ ] 1. a\n") == POSSIBLE
    assert kiro.recognise(".kiro/specs/a/tasks.md", "# Design\n") == NO
