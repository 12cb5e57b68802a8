"""Traps of files people really wrote, made small: none is read with fewer tasks than a person counts, without a word."""

from __future__ import annotations

import json

import pytest

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.load import check
from chargehand.spec.writeback import mark


def found(path: str, text: str) -> tuple[dict[str, Task], list[Problem]]:
    """The tasks of a file whose format nobody names."""
    spec, problems = check(text.encode(), path)
    return {task.id: task for task in (spec.tasks if spec else ())}, list(problems)


def codes(problems: list[Problem]) -> list[tuple[str, str, int]]:
    return [(problem.severity, problem.code, problem.line) for problem in problems]


def test_boxes_with_dotted_ids_where_another_tool_keeps_its_tasks() -> None:
    text = "# Tasks\n\n## Phase 0 — Base\n- [x] T0.1 Start.\n- [~] T1.2 Ship\n      _Verify:_ it\n\n## Later\n- [ ] V2.0 of it\n"
    tasks, problems = found("spec/tasks.md", text)
    assert [(task.id, task.status) for task in tasks.values()][:2] == [("T0.1", "done"), ("T1.2", "in_progress")]
    assert (len(tasks), problems) == (3, [])
    assert "V2.0" not in tasks, "a version is no id"


def test_numbered_boxes_with_blank_lines_above_their_details() -> None:
    text = (
        "# 実装計画\n\n- [-] 1. 構造\n\n\n\n  - 作成\n  - _要件: 5.1_\n\n- [ ] 2. 型\n  - 作成\n\n- [x] 2.1 試\n\n\n  - **P 1**\n"
    )
    tasks, problems = found("spec/tasks.md", text)
    assert (list(tasks), problems) == (["1", "2", "2.1"], [])
    assert "作成" in tasks["1"].description


def test_a_number_twice_is_told_once() -> None:
    text = "- [x] 6. Login\n  - [x] 6.0 Form\n- [x] 6. Admin\n  - [x] 6.1 Layout\n"
    tasks, problems = found(".kiro/specs/x/tasks.md", text)
    assert (tasks, codes(problems)) == ({}, [("error", "duplicate-id", 3)])


def test_boxes_in_quotations_are_told_of() -> None:
    tasks, problems = found("ROADMAP.md", "- [ ] one\n\n> - [ ] two\n> - [x] three\n\n```\n> - [ ] no\n```\n")
    assert (len(tasks), codes(problems)) == (1, [("warning", "quoted-box", 3)])


def test_boxes_in_tables_and_without_a_bullet_are_told_of() -> None:
    table = "| | What |\n|---|---|\n| [x] | a |\n| [ ] | b |\n"
    assert codes(found("ROADMAP.md", f"{table}\n- [ ] c\n")[1]) == [("error", "odd-box", 3)], "more of them than there are tasks"
    assert codes(found("ROADMAP.md", "☐ a\n\n- [ ] b\n- [ ] c\n")[1]) == [("warning", "odd-box", 1)]
    assert codes(found("openspec/changes/x/tasks.md", "1.1 [ ] a\n- [ ] 1.2 b\n")[1]) == [("warning", "odd-box", 1)]
    assert codes(found("specs/1-x/tasks.md", f"- [ ] T001 c\n\n{table}")[1]) == [("warning", "odd-box", 5)]


def test_headings_that_are_tasks() -> None:
    text = "# Plan\n\n### T001: Schema\n**Dependencies**: None\n\n### T002: API\n- [ ] routes\n\n**Dependencies**: T001\n"
    tasks, _ = found("docs/tasks.md", text)
    assert {task.id: task.needs for task in tasks.values()} == {"T001": (), "T002": ("T001",)}


def test_numbered_headings_that_are_tasks_with_the_steps_below_them() -> None:
    text = (
        "## 3. Tasks\n\n### Task 1.1: Schema\n* **Dependencies**: None\n- [x] Step\n\n### Task 1.2: API\n* **Dependencies**: 1.1\n"
    )
    tasks, problems = found("spec/tasks.md", text)
    assert [(task.id, task.title, task.status, task.needs) for task in tasks.values()] == [
        ("task-1.1", "Schema", "done", ()),
        ("task-1.2", "API", "todo", ("task-1.1",)),
    ]
    assert problems == []


def test_a_list_of_ids_without_boxes_is_refused_as_what_it_is() -> None:
    tasks, problems = found("spec/tasks.md", "## Fase 1\n- [T1] `parse.py`: dataclass.\n- [T2] `parse.py`: read\n")
    assert (tasks, codes(problems)) == ({}, [("error", "other-format", 2)])


def test_what_is_struck_out_is_not_done_again() -> None:
    text = "- [ ] T001 [P] a\n- [ ] ~~T002 b~~\n- [ ] T003: c\n  - Path: src/c.py\n"
    tasks, _ = found("specs/001-x/tasks.md", text)
    assert [(task.title, task.status, task.tags) for task in tasks.values()] == [
        ("a", "todo", ()),
        ("b", "done", ("cancelled",)),
        ("c", "todo", ()),
    ]
    assert mark(text, "T002", "todo", tick=False, format_name="spec-kit") is None, "there is no place for it"


def test_front_matter_that_a_formatter_broke_is_refused() -> None:
    text = f"{'_' * 70}\n\n## id: task-21 title: Fix it status: Done assignee: [] labels: []\n\n## Description\n\nx\n"
    tasks, problems = found("backlog/tasks/task-21 - Fix-it.md", text)
    assert (tasks, codes(problems)) == ({}, [("error", "front-matter", 3)])


def test_dependencies_as_the_tool_prints_them() -> None:
    one = {"id": "ab-1", "title": "One", "status": "open", "dependencies": [{"id": "ab-2", "dependency_type": "blocks"}]}
    two = {"id": "ab-2", "title": "Two", "status": "open", "issue_type": "task"}
    tasks, problems = found(".beads/issues.jsonl", "".join(json.dumps(each) + "\n" for each in (one, two)))
    assert (tasks["ab-1"].needs, problems) == (("ab-2",), [])


COUNTED = [
    ("ROADMAP.md", 3, "# T\r\n\r\n## Этап 1\r\n* [x] раз\r\n* [ ] два\r\n    * [ ] под\r\n## Этап 2\r\n1) [ ] три\r\n"),
    (
        "ROADMAP.md",
        3,
        "## 🔮 Next (v1.1)\n\n- [ ] a.\n- [ ] b ([#1](https://x/1)) @c\n\n<details>\n\n- [ ] d\n\n</details>\n\nEOF\n",
    ),
    (".kiro/specs/tasks.md", 3, "# 任务\n\n- [ ] 替换占位符\n- [ ] 实现 `a.ts`\n- [ ] 通过 `npm test`\n"),
    (
        "openspec/changes/x/tasks.md",
        3,
        "## 1. Plan\n- [ ] 1.1 Ask\n  - Test: N/A\n- [ ] **Write it down**. It\n- [x] 1.2 Done ✅\n",
    ),
    ("prd.json", 2, json.dumps([{"id": "A-1", "title": "a", "passes": True}, {"id": "A-2", "title": "b", "passes": False}])),
    ("specs/1-x/tasks.md", 3, "- [ ] T001 [P] [US1] exibe,\n      `MAX`\n- [x] T002a [P] Make `p.json`\n- [ ] **T003** b\n"),
]


@pytest.mark.parametrize(("path", "count", "text"), COUNTED)
def test_as_many_as_a_person_counts(path: str, count: int, text: str) -> None:
    tasks, problems = found(path, text)
    assert (len(tasks), problems) == (count, [])
