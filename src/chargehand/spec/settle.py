"""What holds for the tasks of every format: ids that are safe and unique, needs that exist, nothing that waits for itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import force_setattr, replace

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.cycles import arrows, find_cycles
from chargehand.spec.digest import digest
from chargehand.spec.formats import Parsed
from chargehand.spec.grammar import fold
from chargehand.spec.refs import Names
from chargehand.spec.report import Report

MAX_TASKS = 20_000
MAX_NEEDS = 500_000
"""Needs of all tasks together: ranges could otherwise ask for hundreds of millions."""

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_-])){0,63}\Z")
_ID_HINT = 'an id is letters, digits, "-", "_" and single dots, 64 at most'


def settle(
    files: Mapping[str, Parsed], lines: Mapping[str, list[str]], partial: bool = False
) -> tuple[tuple[Task, ...], tuple[Problem, ...]]:
    """The tasks of all ``files`` (path to what was parsed) as one spec, and everything wrong with them.

    ``lines`` are the lines of each file, to point at. ``partial``: these may be some files of several, so that a need may well be
    in another one; it is left out, and said.
    """
    return _Settler(files, lines, partial).run()


class _Settler:
    def __init__(self, files: Mapping[str, Parsed], lines: Mapping[str, list[str]], partial: bool) -> None:
        self.files, self.partial = files, partial
        self.reports = {path: Report(path, lines[path]) for path in files}
        self.tasks: dict[str, Task] = {}
        self.home: dict[str, str] = {}
        self.folded: dict[str, str] = {}
        self.twice: set[str] = set()

    def run(self) -> tuple[tuple[Task, ...], tuple[Problem, ...]]:
        problems = [problem for parsed in self.files.values() for problem in parsed.problems]
        count = sum(len(parsed.tasks) for parsed in self.files.values())
        if count > MAX_TASKS:
            first = next(iter(self.reports.values()))
            first.add("too-large", f"{count:,} tasks are more than {MAX_TASKS:,}", hint="split the spec into several files")
            return (), (*problems, *first.sorted())
        for path, parsed in self.files.items():
            for task in parsed.tasks:
                self.admit(path, task)
        tasks = self.linked()
        for report in self.reports.values():
            problems += report.problems
        order = {path: position for position, path in enumerate(self.files)}
        problems.sort(key=lambda found: (order.get(found.path, 0), found.line, found.column))
        return tasks, tuple(problems)

    def admit(self, path: str, task: Task) -> None:
        report, line = self.reports[path], task.span.line - 1
        shown = task.id[:60].encode("unicode_escape").decode() if not task.id.isprintable() else task.id[:60]
        twin = self.folded.get(fold(task.id)) if task.id not in self.tasks else None
        if not _ID.match(task.id) or task.id.endswith(".lock"):
            why = "is not one we take" if task.id else "is empty"
            report.add("task-id", f'the id "{shown}" {why}', line, task.span.column, hint=_ID_HINT)
        if task.id in self.tasks:
            first = self.tasks[task.id]
            where = f"line {first.span.line}" if self.home[task.id] == path else self.home[task.id]
            message = f"{shown} is defined twice (the first time {'on ' if where[:4] == 'line' else 'in '}{where})"
            report.add("duplicate-id", message, line, task.span.column, hint="give each task an id of its own")
            self.twice.add(task.id)
            return
        if twin:
            report.add("duplicate-id", f"the id {shown} cannot be told from {twin}", line, task.span.column, hint="rename one")
        if not task.title.strip():
            report.add("task-title", f"{shown} has no title", line, task.span.column, hint="write what is to be done")
        self.folded.setdefault(fold(task.id), task.id)
        self.tasks[task.id], self.home[task.id] = task, path

    def linked(self) -> tuple[Task, ...]:
        """The tasks with needs that exist, and their digests."""
        names = Names(self.tasks)
        several = len(self.files) > 1
        total, tasks = 0, []
        for task in self.tasks.values():
            needs: dict[str, None] = {}
            for need in task.needs:
                known = need if need in self.tasks else self.folded.get(fold(need))
                if known is None:
                    self.unknown(task, need, names)
                elif known == task.id:
                    self.say(task, "self-need", f"{task.id} needs itself", "remove it")
                else:
                    needs[known] = None
            total += len(needs)
            fresh = replace(task, needs=tuple(needs), path=self.home[task.id] if several else "")
            force_setattr(fresh, "digest", digest(fresh))  # nobody has seen it yet
            tasks.append(fresh)
        if total > MAX_NEEDS:
            report = next(iter(self.reports.values()))
            report.add("too-large", f"{total:,} needs are more than {MAX_NEEDS:,}", hint="leave out what others already need")
            return tuple(tasks)
        for cycle in find_cycles({task.id: task.needs for task in tasks}):
            if self.twice.intersection(cycle):
                continue  # nobody knows which of the two is meant
            message = f"these tasks wait for each other: {arrows(cycle)}"
            self.say(self.tasks[cycle[0]], "cycle", message, "remove one of these needs")
        return tuple(tasks)

    def unknown(self, task: Task, need: str, names: Names) -> None:
        shown = need[:80] if need.isprintable() else need[:80].encode("unicode_escape").decode()
        if self.partial:
            message = f"{task.id} needs {shown}, which is not in this file, so it is not waited for"
            self.say(task, "no-need", message, "name the folder of all tasks with --spec", "warning")
            return
        near = names.nearest(need)
        hint = f"did you mean {near}?" if near else "name a task of this spec"
        self.say(task, "unknown-need", f"{task.id}: there is no task {shown}", hint)

    def say(self, task: Task, code: str, message: str, hint: str, severity: str = "error") -> None:
        path = self.home[task.id]
        line, column = self.files[path].places.get(task.id) or (task.span.line, task.span.column)
        self.reports[path].add(code, message, min(line, len(self.reports[path].lines)) - 1, column, hint=hint, severity=severity)
