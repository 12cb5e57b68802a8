"""The spec as values: what the user wrote, understood, with the place of each thing."""

from __future__ import annotations

from typing import Literal

import msgspec

from chargehand.model.errors import Problem

FileStatus = Literal["todo", "in_progress", "review", "done", "blocked"]
Evidence = Literal["commit", "exit"]

PROSE = "prose"
"""The format of a text whose one task is to make a spec of it."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """A place in the spec file; both count from 1."""

    line: int
    column: int = 1


class CheckItem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a task's checklist. ``test`` marks an item that asks for a test."""

    text: str
    done: bool
    span: Span
    test: bool = False


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one task is done with, where the spec says it; anything unset comes from the settings.

    ``gates`` names the gates that judge it (None: all). ``command`` is run by a shell in place of an agent. ``prompt`` and ``log``
    are files, relative to the project root: the text handed to the agent, and where its output is wanted.
    """

    agent: str = ""
    model: str = ""
    gates: tuple[str, ...] | None = None
    budget_usd: float | None = None
    timeout_minutes: float | None = None
    attempts: int | None = None
    command: str = ""
    prompt: str = ""
    log: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How a task wants to be proven, where the spec says it: ``mode`` is "standard", "tdd" or "verify_first"."""

    mode: str = ""
    verifies: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    waiver: str = ""
    negative_control: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A unit of work as the spec states it.

    ``priority`` runs from 0 (first) to 3. ``estimate_hours`` is the upper end of the estimate (a day counts 8 hours), ``low_hours``
    the lower end of a range; None when not given. ``needs`` holds ids of this spec that must have landed before. ``touches`` are
    globs or paths: the only files it may change; ``files`` are paths it is about (a hint). ``context`` is text that stands around
    the task and helps to do it. ``manual``: only done when a person asks for it by name;
    ``group``: done when what it needs is done, nobody works on it itself. ``path`` is the file the task stands in,
    empty in a spec of one file. ``digest`` is a hash of everything the task asks for, and of nothing that work on it changes
    (status and ticks are left out).
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
    low_hours: float | None = None
    touches: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    context: str = ""
    tags: tuple[str, ...] = ()
    manual: bool = False
    group: bool = False
    terms: Terms | None = None
    proof: Proof | None = None
    path: str = ""


class Section(msgspec.Struct, frozen=True):
    """A requirement or design section a task traces to, cut out of its document."""

    id: str
    title: str
    text: str
    path: str


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """A whole spec. ``tasks`` keep the order of the file; ``warnings`` are worth saying but stop nothing.

    ``path`` is relative to the project root, with forward slashes; of a spec in several files it is their folder, and ``files``
    names them. ``sections`` maps ids like ``REQ-001`` to their text.
    """

    path: str
    format: str
    tasks: tuple[Task, ...]
    warnings: tuple[Problem, ...] = ()
    sections: dict[str, Section] = {}
    digest: str = ""
    files: tuple[str, ...] = ()

    def file_of(self, task: Task) -> str:
        """The file to write the task's status to."""
        return task.path or self.path

    def all_files(self) -> tuple[str, ...]:
        return self.files or (self.path,)

    def task(self, task_id: str) -> Task | None:
        return next((task for task in self.tasks if task.id == task_id), None)
