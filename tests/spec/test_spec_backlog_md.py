"""Reads Backlog.md: front matter, acceptance criteria, folders of files."""

from __future__ import annotations

from tests.spec.spec_room import parse

from chargehand.spec import backlog_md
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE
from chargehand.spec.reading import read
from chargehand.spec.writeback import mark

FORMAT = "backlog"


TASK = """---
id: {id}
title: 'Do it: now'
status: {status}
labels: [a, b]
dependencies: {needs}
priority: high
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
See `src/a.py`.
<!-- SECTION:DESCRIPTION:END -->

## Acceptance Criteria
<!-- AC:BEGIN -->
- [ ] #1 It runs
- [x] #2 A test is there
<!-- AC:END -->

## Implementation Plan

- [ ] look
"""


def made(task_id: str = "task-1", status: str = "To Do", needs: str = "[]") -> str:
    return TASK.format(id=task_id, status=status, needs=needs)


def test_a_file_is_a_task() -> None:
    (task,), problems = parse(made(), "backlog/tasks/task-1 - x.md", FORMAT)
    assert not problems
    assert (task.id, task.title, task.status, task.priority, task.tags) == ("task-1", "Do it: now", "todo", 1, ("a", "b"))
    assert [(item.text, item.done, item.test) for item in task.checklist] == [
        ("It runs", False, False),
        ("A test is there", True, True),
    ]
    assert "SECTION" not in task.description
    assert task.files == ("src/a.py",)
    assert (task.span.line, task.span.column) == (2, 5)


def test_a_folder_is_a_spec() -> None:
    texts = {"backlog/tasks/1.md": made("task-1"), "backlog/tasks/2.md": made("task-2", "Done", "\n  - task-1")}
    tasks, problems = read(FORMAT, texts)
    assert not problems
    assert [(task.id, task.needs, task.path) for task in tasks] == [
        ("task-1", (), "backlog/tasks/1.md"),
        ("task-2", ("task-1",), "backlog/tasks/2.md"),
    ]


def test_a_need_outside_of_a_file_read_alone_is_said() -> None:
    (task,), problems = parse(made(needs="[task-9]"), "backlog/tasks/1.md", FORMAT)
    assert task.needs == ()
    assert [(found.severity, found.line) for found in problems] == [("warning", 6)]


def test_an_id_twice_in_a_folder_is_refused() -> None:
    _, problems = read(FORMAT, {"1.md": made("task-1"), "2.md": made("TASK-1")})
    assert [(found.code, found.path, found.line) for found in problems] == [("duplicate-id", "2.md", 2)]


def test_front_matter_that_is_wrong_is_told_of_at_its_place() -> None:
    assert [(p.code, p.line) for p in parse("---\ntitle: a\nstatus: To Do\n---\n", "t", FORMAT)[1]] == [("task-id", 2)]
    assert [(p.code, p.line, p.column) for p in parse(made(status="Dnoe"), "t", FORMAT)[1]] == [("task-status", 4, 9)]
    assert [(p.code, p.line) for p in parse("---\nid: task-1\nx: [\n---\n", "t", FORMAT)[1]] == [("yaml", 4)]
    assert [(p.code, p.line) for p in parse("---\nid: task-1\nx: *a\n---\n", "t", FORMAT)[1]] == [("yaml", 3)]


def test_a_file_without_front_matter_is_a_task_without_a_status() -> None:
    text = "# Task 35: Do it\n\n## Acceptance Criteria\n- [ ] one\n"
    (task,), problems = parse(text, "backlog/task-35 - do.md", FORMAT)
    assert (task.id, task.title, task.status, len(task.checklist)) == ("task-35", "Task 35: Do it", "todo", 1)
    assert [(found.code, found.severity) for found in problems] == [("front-matter", "warning")]
    assert mark(text, "task-35", "done", tick=True, format_name=FORMAT) is None


def test_only_status_and_criteria_change() -> None:
    text = made(status="To Do  # soon").replace("\n", "\r\n")
    assert mark(text, "task-1", "done", tick=True, format_name=FORMAT) == text.replace("To Do ", "Done ").replace(
        "[ ] #1", "[x] #1"
    )
    quoted = made(status='"In Progress"')
    assert mark(quoted, "task-1", "todo", tick=False, format_name=FORMAT) == quoted.replace("In Progress", "To Do")
    assert mark(quoted, "task-1", "review", tick=False, format_name=FORMAT) is None


def test_recognition() -> None:
    assert backlog_md.recognise("backlog/tasks/a.md", made()) == CERTAIN
    assert backlog_md.recognise("a.md", made()) == LIKELY
    assert backlog_md.recognise("backlog/tasks/a.md", "# A\n") == POSSIBLE
    assert backlog_md.recognise("a.md", "# A\n") == NO
