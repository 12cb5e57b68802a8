"""Reads Task Master: flat, tagged, sub-tasks, ids of every kind."""

from __future__ import annotations

from tests.spec.format_kit import errors
from tests.spec.spec_room import parse

from chargehand.spec import taskmaster
from chargehand.spec.formats import CERTAIN, LIKELY, NO
from chargehand.spec.writeback import mark

FORMAT = "taskmaster"


FLAT = """{
  "tasks": [
    {"id": 1, "title": "A", "status": "done", "dependencies": [], "priority": "high", "details": "d", "testStrategy": "t"},
    {"id": 2, "title": "B", "status": "in-progress", "dependencies": [1], "subtasks": [
      {"id": 1, "title": "B1", "status": "pending", "dependencies": []},
      {"id": "2.2", "title": "B2", "dependencies": [1]}
    ]},
    {"id": "3", "title": "C", "status": "pending", "dependencies": [2]}
  ]
}
"""


def test_sub_tasks_are_the_work_and_their_whole_is_a_group() -> None:
    tasks, problems = parse(FLAT, "tasks/tasks.json", FORMAT)
    assert not problems
    assert [(task.id, task.status, task.needs, task.group) for task in tasks] == [
        ("1", "done", (), False),
        ("2", "in_progress", ("1", "2.1", "2.2"), True),
        ("2.1", "todo", ("1",), False),
        ("2.2", "todo", ("2.1", "1"), False),
        ("3", "todo", ("2.1", "2.2"), False),
    ]
    assert tasks[0].priority == 1
    assert "Test strategy" in tasks[0].description
    assert tasks[2].milestone == "B"


def test_parts_of_what_is_done_are_done() -> None:
    text = '{"tasks": [{"id": 1, "title": "a", "status": "done", "subtasks": [{"id": 1, "title": "b", "status": "pending"}]}]}'
    assert [task.status for task in parse(text, "t", FORMAT)[0]] == ["done", "done"]
    assert mark(text, "1.1", "todo", tick=False, format_name=FORMAT) is None


def test_tags_keep_their_tasks_apart() -> None:
    task = '{"tasks": [{"id": 1, "title": "a"}, {"id": 2, "title": "b", "dependencies": [1]}], "metadata": {}}'
    tasks, problems = parse(f'{{"version": "1", "master": {task}, "my sprint": {task}}}', "t", FORMAT)
    assert not problems
    assert {task.id: task.needs for task in tasks} == {"1": (), "2": ("1",), "my-sprint.1": (), "my-sprint.2": ("my-sprint.1",)}


def test_problems_are_told_all_at_once_at_their_places() -> None:
    text = """{"tasks": [
  {"id": 1, "title": "a", "status": "dnoe"},
  {"id": 1, "title": "b", "dependencies": [{"id": 2}]},
  {"title": "c"},
  {"id": 4, "title": "d", "dependencies": [9], "priority": "soon"},
  5
]}"""
    _, problems = parse(text, "t", FORMAT)
    assert [(found.code, found.line, found.column) for found in problems] == [
        ("task-status", 2, 37),
        ("duplicate-id", 3, 10),
        ("wrong-type", 3, 44),
        ("task-id", 4, 3),
        ("unknown-need", 5, 43),
        ("task-priority", 5, 60),
        ("wrong-type", 6, 3),
    ]


def test_broken_json_is_refused_where_it_breaks() -> None:
    _, problems = parse('{"tasks": [\n  {"id": 1,, "title": "a"}\n]}', "t", FORMAT)
    assert [(found.code, found.line, found.column) for found in problems] == [("json", 2, 12)]


def test_a_cycle_through_a_sub_task_is_refused() -> None:
    text = (
        '{"tasks": [{"id": 1, "title": "a", "dependencies": [2]},'
        ' {"id": 2, "title": "b", "subtasks": [{"id": 1, "title": "c", "dependencies": ["1"]}]}]}'
    )
    assert [found.code for found in errors(parse(text, "t", FORMAT)[1])] in (["self-need"], ["cycle"])


def test_only_the_value_changes() -> None:
    assert mark(FLAT, "2.1", "done", tick=True, format_name=FORMAT) == FLAT.replace(
        '"B1", "status": "pending"', '"B1", "status": "done"'
    )
    added = mark(FLAT, "2.2", "done", tick=True, format_name=FORMAT)
    assert added == FLAT.replace('"dependencies": [1]}\n', '"dependencies": [1], "status": "done"}\n')
    words = FLAT.replace('"done"', '"completed"')
    assert mark(words, "3", "done", tick=False, format_name=FORMAT) == words.replace(
        '"C", "status": "pending"', '"C", "status": "completed"'
    )
    assert mark(FLAT, "3", "todo", tick=False, format_name=FORMAT) == FLAT


def test_recognition() -> None:
    assert taskmaster.recognise(".taskmaster/tasks/tasks.json", FLAT) == CERTAIN
    assert taskmaster.recognise("x.json", FLAT) == LIKELY
    assert taskmaster.recognise("x.json", '{"a": 1}') == NO
