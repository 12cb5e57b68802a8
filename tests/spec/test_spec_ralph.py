"""Reads ralph: stories in their order, passes."""

from __future__ import annotations

import pytest
from tests.spec.spec_room import parse

from chargehand.spec import ralph
from chargehand.spec.formats import CERTAIN, NO, POSSIBLE, detect
from chargehand.spec.writeback import mark

FORMAT = "ralph"


PRD = """{
  "project": "p",
  "userStories": [
    {"id": "US-001", "title": "A", "acceptanceCriteria": ["Typecheck passes", "A test"], "priority": 2, "passes": false},
    {"id": "US-002", "title": "B", "acceptance_criteria": [{"id": "x", "text": "seen"}], "priority": 1, "passes": true},
    {"id": "US-003", "title": "C", "priority": 2, "passes": false}
  ]
}
"""


def test_stories_come_in_the_order_of_their_priority() -> None:
    tasks, problems = parse(PRD, "prd.json", FORMAT)
    assert not problems
    assert {task.id: (task.needs, task.status) for task in tasks} == {
        "US-001": (("US-002",), "todo"),
        "US-002": ((), "done"),
        "US-003": (("US-001",), "todo"),
    }
    assert [(item.text, item.test) for item in tasks[0].checklist] == [("Typecheck passes", False), ("A test", True)]
    assert [item.text for item in tasks[1].checklist] == ["seen"]


def test_named_needs_replace_the_order() -> None:
    text = PRD.replace('"title": "C",', '"title": "C", "dependsOn": ["US-002"],')
    assert [task.needs for task in parse(text, "t", FORMAT)[0]] == [(), (), ("US-002",)]


def test_other_shapes() -> None:
    first = '{"name": "One", "tasks": [{"id": "1.1", "name": "a", "file": "x.py"}]}'
    phases = f'{{"phases": [{first}, {{"name": "Two", "tasks": [{{"id": "2.1", "name": "b"}}]}}]}}'
    tasks, problems = parse(phases, "t", FORMAT)
    assert not problems
    assert [(task.id, task.needs, task.milestone, task.files) for task in tasks] == [
        ("1.1", (), "One", ("x.py",)),
        ("2.1", ("1.1",), "Two", ()),
    ]
    listed = '[{"category": "Bug", "description": "Fix it", "steps": ["do"], "complete": true}]'
    (task,), _ = parse(listed, "t", FORMAT)
    assert (task.title, task.status, task.tags) == ("Fix it", "done", ("Bug",))


def test_problems_are_told_all_at_once_at_their_places() -> None:
    last = '{"id": "B", "title": "", "dependsOn": ["Z"]}'
    stories = ['{"id": "A", "title": "a", "passes": "no"}', '{"id": "A", "title": "b"}', last]
    text = '{"userStories": [\n' + ",\n".join([*stories, "3"]) + "]}"
    _, problems = parse(text, "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [
        ("wrong-type", 2),
        ("duplicate-id", 3),
        ("task-title", 4),
        ("unknown-need", 4),
        ("wrong-type", 5),
    ]


def test_an_empty_list_and_phases_without_tasks_are_refused_where_they_are() -> None:
    assert [(p.code, p.line) for p in parse('{\n"userStories": []}', "t", FORMAT)[1]] == [("no-tasks", 2)]
    assert [(p.code, p.line) for p in parse('{"phases": [\n{"name": "x"}]}', "t", FORMAT)[1]] == [("no-tasks", 2)]


def test_only_passes_changes() -> None:
    assert mark(PRD, "US-001", "done", tick=True, format_name=FORMAT) == PRD.replace("false", "true", 1)
    assert mark(PRD, "US-001", "in_progress", tick=False, format_name=FORMAT) is None
    bare = '{"userStories": [{\n  "id": "A",\n  "title": "a"\n}]}'
    assert mark(bare, "A", "done", tick=False, format_name=FORMAT) == bare.replace('"a"', '"a",\n  "passes": true')


def test_recognition() -> None:
    assert ralph.recognise("x.json", PRD) == CERTAIN
    assert ralph.recognise("scripts/ralph/prd.json", '{"a": 1}') == POSSIBLE
    assert ralph.recognise("x.json", '{"tasks": [{"id": 1}]}') == NO


@pytest.mark.parametrize("key", ["features", "requirements", "backlog", "items"])
def test_stories_by_another_name(key: str) -> None:
    text = (
        '{"x": 1, "%s": [{"id": "F1", "name": "Login", "status": "pending"}, {"id": "F2", "name": "Out", "passes": true}]}'.replace(
            "%s", key
        )
    )
    assert detect("prd.json", text) == ("ralph",)
    assert [(task.id, task.title, task.status) for task in parse(text, "prd.json", "ralph")[0]] == [
        ("F1", "Login", "todo"),
        ("F2", "Out", "done"),
    ]


@pytest.mark.parametrize("key", ["epics", "milestones", "sprints"])
def test_parts_by_another_name(key: str) -> None:
    text = '{"%s": [{"name": "One", "stories": [{"id": "S1", "title": "Login", "passes": false}]}, {"name": "Two"}]}'.replace(
        "%s", key
    )
    assert detect("prd.json", text) == ("ralph",)
    tasks, problems = parse(text, "prd.json", "ralph")
    assert [(task.id, task.milestone) for task in tasks] == [("S1", "One")]
    assert [found.message for found in problems] == [f"this {key[:-1]} has no list of tasks"]
