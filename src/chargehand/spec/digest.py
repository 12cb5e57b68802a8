"""What a task asks for, as a hash."""

from __future__ import annotations

import hashlib

from chargehand.model.task import Task

STANDINGS = frozenset({"cancelled", "deferred"})
"""Tags that say how a task stands, not what it asks for."""


def digest(task: Task) -> str:
    """A hash of everything the task asks for, and of nothing that work on it changes: not status, ticks or position."""
    hours = "" if task.estimate_hours is None else repr(task.estimate_hours)
    parts = [task.title, str(task.priority), hours, task.milestone, task.description, *task.needs, "", *task.traces, ""]
    for item in task.checklist:
        parts.append("t" if item.test else "c")
        parts.append(item.text)
    tags, manual = task.tags, task.manual
    if tags and not STANDINGS.isdisjoint(tags):
        tags, manual = tuple(tag for tag in tags if tag not in STANDINGS), manual and "deferred" not in tags
    if task.touches or task.files or tags:
        parts += ["", "touches", *task.touches, "files", *task.files, "tags", *tags]
    if task.context or manual:
        parts += ["", "context", task.context, str(manual)]
    if task.terms or task.proof or task.evidence:
        parts += ["", repr(task.terms), repr(task.proof), task.evidence or ""]
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
