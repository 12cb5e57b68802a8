"""Reads beads exports: blocking edges, parents, what was deleted."""

from __future__ import annotations

from tests.spec.format_kit import errors
from tests.spec.spec_room import parse

from chargehand.spec import beads
from chargehand.spec.formats import CERTAIN, LIKELY, NO
from chargehand.spec.writeback import mark

FORMAT = "beads"


def line(name: str, status: str = "open", *links: tuple[str, str], kind: str = "task") -> str:
    listed = ", ".join(f'{{"issue_id": "{name}", "depends_on_id": "{other}", "type": "{how}"}}' for other, how in links)
    return f'{{"id": "{name}", "title": "T {name}", "status": "{status}", "issue_type": "{kind}", "dependencies": [{listed}]}}\n'


def test_only_blocking_links_are_needs() -> None:
    text = (
        line("a-1")
        + line("a-2", "open", ("a-1", "related"), ("a-1", "tracks"))
        + line("a-3", "open", ("a-1", "blocks"), ("a-2", "waits-for"))
    )
    assert {task.id: task.needs for task in parse(text, "t", FORMAT)[0]} == {"a-1": (), "a-2": (), "a-3": ("a-1", "a-2")}


def test_an_epic_is_done_by_its_children() -> None:
    text = (
        line("a-0")
        + line("a-1", "open", ("a-0", "blocks"), kind="epic")
        + line("a-1.1", "open", ("a-1", "parent-child"))
        + line("a-1.2", "closed", ("a-1", "parent-child"), ("a-1.1", "blocks"))
        + line("a-2", "open", ("a-1", "blocks"))
    )
    tasks, problems = parse(text, "t", FORMAT)
    assert not problems
    assert {task.id: (task.needs, task.group) for task in tasks} == {
        "a-0": ((), False),
        "a-1": (("a-0", "a-1.1", "a-1.2"), True),
        "a-1.1": (("a-0",), False),
        "a-1.2": (("a-1.1", "a-0"), False),
        "a-2": (("a-1.1", "a-1.2"), False),
    }
    assert tasks[2].milestone == "T a-1"


def test_what_was_deleted_and_what_is_not_here_is_said() -> None:
    text = line("a-1", "tombstone") + line("a-2", "open", ("a-1", "blocks"), ("a-9", "blocks")) + line("a-3", kind="message")
    tasks, problems = parse(text, "t", FORMAT)
    assert [(task.id, task.needs) for task in tasks] == [("a-2", ())]
    assert [(found.code, found.severity, found.line) for found in problems] == [
        ("left-out", "warning", 1),
        ("unknown-need", "warning", 2),
    ]


def test_problems_are_told_with_their_lines() -> None:
    text = line("a-1", "wat") + "{]\n" + line("a-1") + '{"title": "x"}\n[1]\n'
    _, problems = parse(text, "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [
        ("task-status", 1),
        ("json", 2),
        ("duplicate-id", 3),
        ("task-id", 4),
        ("wrong-type", 5),
    ]


def test_a_cycle_of_blocks_and_of_parents() -> None:
    blocks = line("a-1", "open", ("a-2", "blocks")) + line("a-2", "open", ("a-1", "blocks"))
    assert [found.code for found in errors(parse(blocks, "t", FORMAT)[1])] == ["cycle"]
    parents = line("a-1", "open", ("a-2", "parent-child")) + line("a-2", "open", ("a-1", "parent-child"))
    tasks, problems = parse(parents, "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [("cycle", 1)]
    assert len(tasks) == 2


def test_a_chain_of_parents_without_end_is_refused_quickly() -> None:
    text = "".join(line(f"a-{number}", "open", (f"a-{number + 1}", "parent-child")) for number in range(3_000)) + line("a-3000")
    assert {found.code for found in errors(parse(text, "t", FORMAT)[1])} == {"too-deep"}


def test_only_the_status_changes() -> None:
    text = line("a-1").replace("\n", "\r\n") + line("a-2", "open", ("a-1", "blocks")).strip()
    assert (
        mark(text, "a-2", "done", tick=True, format_name=FORMAT)
        == text[:-40].replace('T a-2", "status": "open"', 'T a-2", "status": "closed"') + text[-40:]
    )
    assert mark(text, "a-1", "review", tick=False, format_name=FORMAT) is None


def test_recognition() -> None:
    assert beads.recognise(".beads/issues.jsonl", line("a-1")) == CERTAIN
    assert beads.recognise("x.jsonl", '{"id": "a-1", "title": "t", "status": "open"}') == LIKELY
    assert beads.recognise(".beads/x.jsonl", '{"a": 1}') == NO
