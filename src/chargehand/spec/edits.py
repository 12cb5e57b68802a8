"""Changes of single values in a text, everything else as it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chargehand.model.task import FileStatus
from chargehand.spec.json_text import json_string
from chargehand.spec.tree import Node


class Edit(NamedTuple):
    """What stands between two offsets becomes ``new``."""

    start: int
    end: int
    new: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made; they must not overlap."""
    parts, at = [], 0
    for edit in sorted(edits):
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*parts, text[at:]])


def set_value(text: str, node: Node, key: str, value: str | bool) -> Edit:
    """The edit that makes the entry ``key`` of a JSON object this value; where it has none, one is added behind the others."""
    new = json_string(value) if isinstance(value, str) else ("true" if value else "false")
    entry = node.table().get(key)
    if entry is not None:
        return Edit(entry.start, entry.end, new)
    if not node.table():
        return Edit(node.start + 1, node.start + 1, f'"{key}": {new}')
    last = list(node.table().values())[-1]
    before = text[max(0, last.key - 1_000) : last.key]
    blank = before[len(before.rstrip()) :]
    return Edit(last.end, last.end, f',{blank}"{key}": {new}')


STATUSES: dict[str, FileStatus] = {
    **dict.fromkeys(("todo", "pending", "open", "to do", "not started", "new", "backlog", "ready", "planned", "draft"), "todo"),
    **dict.fromkeys(("in progress", "in-progress", "in_progress", "doing", "started", "active", "wip", "hooked"), "in_progress"),
    **dict.fromkeys(("review", "in review", "in_review", "in-review", "testing", "reviewing"), "review"),
    **dict.fromkeys(("done", "completed", "complete", "closed", "finished", "passed", "resolved"), "done"),
    **dict.fromkeys(("blocked", "on hold", "waiting"), "blocked"),
}  # fmt: skip
"""What the words for a status mean, in small letters; those of every tool we know."""

CANCELLED = frozenset(("cancelled", "canceled", "superseded", "wont-do", "won't do", "obsolete", "tombstone", "abandoned"))
DEFERRED = frozenset({"deferred", "postponed", "later", "on-hold", "parked", "icebox"})

PRIORITIES = {
    **dict.fromkeys(("critical", "urgent", "highest", "blocker", "p0"), 0),
    **dict.fromkeys(("high", "p1", "must"), 1),
    **dict.fromkeys(("medium", "normal", "p2", "should", "moderate"), 2),
    **dict.fromkeys(("low", "lowest", "p3", "p4", "minor", "could"), 3),
}
"""From 0 (first) to 3, by the words people use."""
