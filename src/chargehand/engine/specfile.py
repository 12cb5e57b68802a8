"""The spec file in the user's checkout, for specs that git does not carry: landed tasks are ticked in place.

Ticks are gathered and written together: a file of 10,000 tasks must not be rewritten 10,000 times. The ledger is the truth
meanwhile, and whatever a crash kept from being written is written by the next run.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from chargehand.engine.crew import Crew
from chargehand.model.errors import UsageProblem
from chargehand.model.facts import Fact
from chargehand.model.task import PROSE, FileStatus, Spec
from chargehand.process.files import rewrite
from chargehand.spec.writeback import mark_many

_SHARE = 0.02
"""At most this part of the time goes into rewriting the file."""


class Source(Protocol):
    """Where the spec and the settings come from, to be looked at again while the engine lives."""

    def changed_spec(self) -> tuple[Spec, list[Fact]] | None:
        """The spec as it is now and what that changes on the board; None when it is the same or cannot be used."""

    def changed_settings(self) -> bool:
        """Whether the settings are no longer those the engine was started with."""


class SpecFile:
    """Ticks tasks in the file, or the files, of the crew's spec. Needs a running loop."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._pending: dict[str, tuple[FileStatus, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._pause = 0.2

    def tick(self, task: str, *, done: bool = True) -> None:
        """Mark a task done, or to be done again, soon."""
        if self._crew.spec.format == PROSE:
            return  # it has nothing to tick
        self._pending[task] = ("done", True) if done else ("todo", False)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self.write)

    def write(self) -> None:
        """Write what is gathered, now. A file somebody edits at this very moment is read again, never overwritten."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        started = self._crew.clock.elapsed()
        spec, pending = self._crew.spec, dict(self._pending)
        files: dict[str, dict[str, tuple[FileStatus, bool]]] = {}
        for task in spec.tasks:
            if task.id in pending:
                files.setdefault(spec.file_of(task), {})[task.id] = pending[task.id]
        for name, changes in files.items():
            if not self._written(self._crew.root / name, changes, spec.format):
                break
        else:
            for task_id in pending:
                self._pending.pop(task_id, None)
        self._pause = max(0.2, (self._crew.clock.elapsed() - started) / _SHARE)

    def _written(self, path: Path, changes: dict[str, tuple[FileStatus, bool]], format_name: str) -> bool:
        """Whether the file says so now, or is not there any more."""
        try:
            if path.exists():
                rewrite(path, lambda old: mark_many(old, changes, format_name)[0], durable=False)
        except UsageProblem:
            return False  # somebody writes it all the time; later, then
        return True
