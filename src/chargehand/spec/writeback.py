"""Tell a spec's file how its tasks stand, and change nothing else in it: in whatever format it is written."""

from __future__ import annotations

from typing import TypeVar

from chargehand.model.task import FileStatus
from chargehand.spec.formats import Changes, named

Text = TypeVar("Text", str, bytes)


def mark(text: Text, task_id: str, status: FileStatus, tick: bool, format_name: str = "spec-runner") -> Text | None:
    """``text`` with the task's status set and, with ``tick``, its checklist ticked. None when it has no such task, or no place
    for its status."""
    changes: Changes = {task_id: (status, tick)}
    if isinstance(text, bytes):
        marked, missing = mark_many(text, changes, format_name)
        return None if missing else marked
    changed, missing = _mark(text, changes, format_name)
    return None if missing else changed


def mark_many(data: bytes, changes: Changes, format_name: str = "spec-runner") -> tuple[bytes, frozenset[str]]:
    """Set the status of several tasks in one pass; each with whether to tick its checklist.

    Returns the new content and the ids that are not in it (or have no place for a status).
    """
    text, missing = _mark(data.decode("utf-8", "surrogateescape"), changes, format_name)
    return text.encode("utf-8", "surrogateescape"), missing


def _mark(text: str, changes: Changes, format_name: str) -> tuple[str, frozenset[str]]:
    format_ = named(format_name)
    return format_.mark(text, changes) if format_ else (text, frozenset(changes))
