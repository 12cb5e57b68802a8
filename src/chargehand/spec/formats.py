"""The formats a spec may be written in: which there are, what each of them must offer, and how a text's format is found.

A format is a module of this package (see :class:`Format`). It is imported when it is asked for: a spec in one format does not pay
for the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple, Protocol, cast

from chargehand.model.errors import Problem
from chargehand.model.task import FileStatus, Task

NO, POSSIBLE, LIKELY, CERTAIN = range(4)
"""How sure a format is that a text is its own. ``POSSIBLE``: the text would make sense in it, as in others (plain checkboxes).
``LIKELY``: the text has something that people write in this format only. ``CERTAIN``: it can be no other, or it has the format's
own path and makes sense in it. A text that makes no sense in the format is ``NO``, whatever its path."""

Changes = Mapping[str, tuple[FileStatus, bool]]
"""Task id to its new status and whether its checklist is to be ticked."""


class Parsed(NamedTuple):
    """What a file holds. ``places`` says where a task's needs stand (line and column, from 1), where that is not its own place.

    ``needs`` of the tasks are ids as written; that they exist, that no id is there twice (also not by look or case), that no tasks
    wait for each other, is checked by ``settle`` over all files together. So is the digest. Do neither in a format.
    """

    tasks: tuple[Task, ...]
    problems: tuple[Problem, ...]
    places: Mapping[str, tuple[int, int]] = {}


class Format(Protocol):
    """What a format's module has at its top level. None of it ever raises, hangs or recurses with the text."""

    NAME: str

    def recognise(self, path: str, text: str) -> int:
        """How sure it is that this is its own. ``path`` as the user named it, with forward slashes. Cheap: 200 kB tell enough."""

    def parse(self, text: str, path: str) -> Parsed:
        """The tasks in ``text``, in its order, and all problems at once, each with its place and a hint.

        An item that is cancelled or superseded is a task of status ``done`` with the tag ``cancelled``; one put off is ``manual``
        with the tag ``deferred``; an optional one has the tag ``optional``.
        """

    def mark(self, text: str, changes: Changes) -> tuple[str, frozenset[str]]:
        """``text`` with the status of these tasks set, every other character as it was, and the ids that could not be written.

        A task that has the status already stays as it is. A format without a place for a status returns all ids.
        """


class Known(NamedTuple):
    """A format by name. ``paths`` are globs over the whole path; ``members`` globs below a folder whose files are one spec."""

    name: str
    module: str
    paths: tuple[str, ...]
    members: tuple[str, ...] = ()
    settled: bool = False


FORMATS: tuple[Known, ...] = (
    Known("spec-runner", "spec_runner", ("spec/*tasks.md", "*/spec/*tasks.md"), settled=True),
    Known("chargehand", "native", (), settled=True),
    Known("roadmap", "roadmap", ("roadmap.md", "*/roadmap.md", "*roadmap*.md")),
    Known("orchestrator", "orchestrator", ("*orchestrator*.yaml", "*orchestrator*.yml", "*orchestrator*.json")),
    Known("spec-kit", "spec_kit", ("specs/*/tasks.md", "*/specs/*/tasks.md", ".specify/*tasks.md", "*/.specify/*tasks.md")),
    Known("kiro", "kiro", (".kiro/specs/*/tasks.md", "*/.kiro/specs/*/tasks.md")),
    Known("openspec", "openspec", ("openspec/changes/*/tasks.md", "*/openspec/changes/*/tasks.md")),
    Known("taskmaster", "taskmaster", ("*.taskmaster/tasks/*.json", "tasks/tasks.json", "*/tasks/tasks.json")),
    Known("backlog", "backlog_md", ("backlog/*.md", "*/backlog/*.md"), members=("tasks/*.md", "*.md")),
    Known("beads", "beads", (".beads/*.jsonl", "*/.beads/*.jsonl")),
    Known("ralph", "ralph", ("prd.json", "*/prd.json", "*prd*.json")),
)  # fmt: skip


@cache
def named(name: str) -> Format | None:
    """The format of that name, None when there is none."""
    known = next((known for known in FORMATS if known.name == name), None)
    return cast("Format", importlib.import_module(f"chargehand.spec.{known.module}")) if known else None


def detect(path: str, text: str) -> tuple[str, ...]:
    """The names of the formats ``text`` may be in: one when it is clear, several when it is not, none when it is like none.

    A path that is one format's own decides when the text agrees; otherwise the text alone does.
    """
    folded = path.lower()
    own = [known.name for known in FORMATS if any(fnmatchcase(folded, glob) for glob in known.paths)]
    best, names = _surest(own, path, text)
    if best == CERTAIN and len(names) == 1:
        return names
    best, names = _surest([known.name for known in FORMATS], path, text)
    if best == POSSIBLE and len(names) > 1:
        return tuple(name for name in names if name in own) or names
    return names if best else ()


def _surest(names: list[str], path: str, text: str) -> tuple[int, tuple[str, ...]]:
    sure = {name: format_.recognise(path, text) for name in names if (format_ := named(name))}
    best = max(sure.values(), default=NO)
    return best, tuple(name for name, how in sure.items() if how == best)
