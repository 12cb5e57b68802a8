"""Requirements and design sections, cut out of their documents for the tasks that trace to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from chargehand.model.errors import Problem
from chargehand.model.task import Section, Task
from chargehand.spec.lines import cut, mask
from chargehand.spec.report import Report

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)", re.DOTALL)
_NAMED = re.compile(r"[^\w]{0,8}([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-[0-9]+)(?![\w-])[\]*`]{0,4}[ \t]*[:.—–-]?(.*)", re.DOTALL)


def cut_sections(text: str, path: str, wanted: Collection[str]) -> dict[str, Section]:
    """The sections of one document whose heading names an id of ``wanted``, to the next heading of the same or a higher level.

    The first heading of an id counts. Headings in code fences and comments are none.
    """
    lines = cut(text)
    view = mask(lines, Report(path, lines)).view
    headings = [(n, match) for n, line in enumerate(view) if "#" in line and (match := _HEADING.match(line))]
    ends = _ends([len(match[1]) for _, match in headings], [n for n, _ in headings], len(lines))
    sections: dict[str, Section] = {}
    for (n, match), end in zip(headings, ends, strict=True):
        named = _NAMED.match(match[2])
        if named and named[1] in wanted and named[1] not in sections:
            block = "\n".join(lines[n:end]).strip()
            sections[named[1]] = Section(named[1], named[2].strip().rstrip("#").strip(), block, path)
    return sections


def _ends(levels: list[int], starts: list[int], last: int) -> list[int]:
    """For each heading the line of the next one of the same or a higher level."""
    ends = [last] * len(levels)
    open_: list[int] = []
    for index, level in enumerate(levels):
        while open_ and levels[open_[-1]] >= level:
            ends[open_.pop()] = starts[index]
        open_.append(index)
    return ends


def trace(
    tasks: tuple[Task, ...], documents: Mapping[str, bytes], spec: str, lines: list[str]
) -> tuple[dict[str, Section], tuple[Problem, ...]]:
    """The sections ``tasks`` trace to, from ``documents`` (path to content), and a warning for each trace that leads nowhere.

    ``spec`` and ``lines`` are the path and the lines of the tasks, to point at. Without documents there is nothing to say.
    """
    report = Report(spec, lines)
    wanted = dict.fromkeys(name for task in tasks for name in task.traces)
    found: dict[str, Section] = {}
    problems: list[Problem] = []
    for path, data in documents.items():
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            message = "not UTF-8: its sections are not used"
            problems.append(Problem("encoding", message, path, line, 1, hint="save it as UTF-8", severity="warning"))
            continue
        found = cut_sections(text, path, wanted.keys()) | found
    if documents:
        for task in tasks:
            for name in task.traces:
                if name not in found:
                    _missing(report, task, name, documents)
    return {name: found[name] for name in wanted if name in found}, (*report.sorted(), *problems)


def _missing(report: Report, task: Task, name: str, documents: Mapping[str, bytes]) -> None:
    line = task.span.line - 1
    end = min(len(report.lines), line + 500)
    at = next((n for n in range(line, end) if name in report.lines[n] and "races" in report.lines[n]), line)
    message = f"{task.id} traces to {name}, which has no heading in {', '.join(documents)}"
    column = report.lines[at].find(name) + 1 or 1
    report.add(
        "unknown-trace", message, at, column, hint=f'add a heading "#### {name}: ...", or correct the id', severity="warning"
    )
