"""The spec as values: what the user wrote, understood, with the place of each thing."""

from __future__ import annotations

from typing import Literal

import msgspec

from chargehand.model.errors import Problem

FileStatus = Literal["todo", "in_progress", "review", "done", "blocked"]
Evidence = Literal["commit", "exit"]


class Span(msgspec.Struct, frozen=True):
    """A place in the spec file; both count from 1."""

    line: int
    column: int = 1


class CheckItem(msgspec.Struct, frozen=True):
    """One line of a task's checklist. ``test`` marks an item that asks for a test."""

    text: str
    done: bool
    span: Span
    test: bool = False


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A unit of work as the spec states it.

    ``priority`` runs from 0 (first) to 3. ``estimate_hours`` is the upper end of the estimate (a day counts 8 hours), None when not
    given. ``needs`` holds ids of this spec that must have landed before. ``digest`` is a hash of everything the task asks for, and
    of nothing that work on it changes (status and ticks are left out).
    """

    id: str
    title: str
    span: Span
    priority: int = 2
    status: FileStatus = "todo"
    estimate_hours: float | None = None
    description: str = ""
    checklist: tuple[CheckItem, ...] = ()
    needs: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    milestone: str = ""
    digest: str = ""
    evidence: Evidence | None = None


class Section(msgspec.Struct, frozen=True):
    """A requirement or design section a task traces to, cut out of its document."""

    id: str
    title: str
    text: str
    path: str


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """A whole spec. ``tasks`` keep the order of the file; ``warnings`` are worth saying but stop nothing.

    ``path`` is relative to the project root, with forward slashes. ``sections`` maps ids like ``REQ-001`` to their text.
    """

    path: str
    format: str
    tasks: tuple[Task, ...]
    warnings: tuple[Problem, ...] = ()
    sections: dict[str, Section] = {}
    digest: str = ""

    def task(self, task_id: str) -> Task | None:
        return next((task for task in self.tasks if task.id == task_id), None)
