"""Files to tasks, in a given format: each parsed, all settled together."""

from __future__ import annotations

from collections.abc import Mapping

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.formats import FORMATS, named
from chargehand.spec.lines import cut
from chargehand.spec.settle import settle

IN_MANY_FILES = frozenset(known.name for known in FORMATS if known.members)
SETTLED = frozenset(known.name for known in FORMATS if known.settled)


def read(format_name: str, texts: Mapping[str, str]) -> tuple[tuple[Task, ...], tuple[Problem, ...]]:
    """The tasks of a spec in one file or several (path to text), and everything wrong with them."""
    format_ = named(format_name)
    assert format_ is not None, format_name
    if format_name in SETTLED and len(texts) == 1:
        ((path, text),) = texts.items()
        alone = format_.parse(text, path)
        return alone.tasks, alone.problems
    parsed = {path: format_.parse(text, path) for path, text in texts.items()}
    partial = len(texts) == 1 and format_name in IN_MANY_FILES
    tasks, problems = settle(parsed, {path: cut(text) for path, text in texts.items()}, partial)
    if not tasks and not any(problem.severity == "error" for problem in problems):
        path = next(iter(texts), "")
        problems = (*problems, Problem("no-tasks", f"there is no task in this file, read as {format_name}", path, hint=_HINT))
    return tasks, problems


_HINT = "is it written in another format? Name it with --format"
