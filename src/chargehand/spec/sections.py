"""Requirements and design sections, cut out of their documents for the tasks that trace to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from chargehand.model.errors import Problem
from chargehand.model.task import Section, Task
from chargehand.spec.lines import BOM, cut, mask
from chargehand.spec.report import Report

MAX_DOCUMENT = 4_000_000
MAX_LINES = 100_000
"""Bytes and lines of a document beside a spec. A larger one is not used, which is said."""

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)", re.DOTALL)
_NAMED = re.compile(r"[^\w]{0,8}([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-[0-9]+)(?![\w-])[\]*`]{0,4}[ \t]*[:.—–-]?(.*)", re.DOTALL)
_OWN = r"((?:[A-Z]+-)?(?:REQ|NFR|FR|SC|US|AC|DESIGN)(?:-[A-Z0-9]+)*-?[0-9]+)"
_BOLD = re.compile(rf"[ \t]*(?:[-*+][ \t]+)?(?:\[.\][ \t]+)?\*\*\[?{_OWN}\]?(?![\w-])(.*)", re.DOTALL)
_ROW = re.compile(rf"[ \t]*\|[ \t]*[*`\[]*{_OWN}[\]`* \t]*\|(.*)", re.DOTALL)
_NUMBERED = re.compile(
    r"(?i:requirement|req|需求|要件|要求|требование|anforderung|exigence|requisito)[ \t]*([0-9]{1,6})(?![\w.-])[ \t]*[:.—–-]?(.*)",
    re.DOTALL,
)


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
        named = _NAMED.match(match[2]) or _NUMBERED.match(match[2])
        if named and named[1] in wanted and named[1] not in sections:
            block = "\n".join(lines[n:end]).strip()
            sections[named[1]] = Section(named[1], named[2].strip().rstrip("#").strip(), block, path)
    return sections | {name: found for name, found in _paragraphs(lines, view, path, wanted) if name not in sections}


def _paragraphs(lines: list[str], view: list[str], path: str, wanted: Collection[str]) -> Iterator[tuple[str, Section]]:
    """Requirements that are no headings: a paragraph or list item that begins with a bold id, a table row with an id first."""
    for n, line in enumerate(view):
        row = _ROW.match(line) if line[:1] in {"|", " "} else None
        bold = _BOLD.match(line) if "**" in line and row is None else None
        match = row or bold
        if match is None or match[1] not in wanted:
            continue
        end = n + 1
        while bold and end < len(view) and view[end].strip() and not _BOLD.match(view[end]) and not _HEADING.match(view[end]):
            end += 1
        yield match[1], Section(match[1], match[2].strip(" \t|:*")[:120], "\n".join(lines[n:end]).strip(), path)


def all_sections(documents: Mapping[str, bytes]) -> dict[str, Section]:
    """Every section that has an id, of all documents (path to content)."""
    found: dict[str, Section] = {}
    for path, data in documents.items():
        if not _too_large(data):
            found = cut_sections(data.decode("utf-8", "replace"), path, _EVERYTHING) | found
    return found


def repeated(documents: Mapping[str, bytes]) -> Iterator[Problem]:
    """A warning for each heading whose id another heading of its document has already: only the first one counts."""
    for path, data in documents.items():
        lines = [] if _too_large(data) else cut(data.decode("utf-8", "replace"))
        view = mask(lines, Report(path, lines)).view if lines else []
        first: dict[str, int] = {}
        for n, line in enumerate(view, 1):
            heading = _HEADING.match(line) if "#" in line else None
            named = _NAMED.match(heading[2]) if heading else None
            if named and first.setdefault(named[1], n) != n:
                message = f"{named[1]} has a heading before, on line {first[named[1]]}: only that one counts"
                yield Problem(
                    "repeated-section", message, path, n, line.index(named[1]) + 1, "give it an id of its own", severity="warning"
                )


def _too_large(data: bytes) -> bool:
    return len(data) > MAX_DOCUMENT or data.count(b"\n") > MAX_LINES


class _Everything(frozenset[str]):
    def __contains__(self, name: object) -> bool:
        return True


_EVERYTHING = _Everything()


def _ends(levels: list[int], starts: list[int], last: int) -> list[int]:
    """For each heading the line of the next one of the same or a higher level."""
    ends = [last] * len(levels)
    open_: list[int] = []
    for index, level in enumerate(levels):
        while open_ and levels[open_[-1]] >= level:
            ends[open_.pop()] = starts[index]
        open_.append(index)
    return ends


CONSTITUTION = "constitution"
"""The section that holds for every task: the whole of ``constitution.md``."""


def trace(
    tasks: tuple[Task, ...], documents: Mapping[str, bytes], lines: Mapping[str, list[str]], format_name: str
) -> tuple[dict[str, Section], tuple[Problem, ...]]:
    """The sections ``tasks`` trace to, from ``documents`` (path to content), and a warning for each trace that leads nowhere.

    ``lines`` are the lines of each file of the spec, to point at. Without documents there is nothing to say.
    """
    reports = {path: Report(path, text) for path, text in lines.items()}
    main = next(iter(reports))
    wanted = {name: _key(name, format_name) for task in tasks for name in task.traces}
    keys = frozenset(wanted.values())
    found: dict[str, Section] = {}
    problems: list[Problem] = []
    rules: dict[str, Section] = {}
    for path, data in documents.items():
        if _too_large(data):
            message = f"more than {MAX_DOCUMENT // 1_000_000} MB or {MAX_LINES:,} lines: its sections are not used"
            problems.append(Problem("too-large", message, path, hint="is this the right file? Split it", severity="warning"))
            continue
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            message = "not UTF-8: its sections are not used"
            problems.append(Problem("encoding", message, path, line, 1, hint="save it as UTF-8", severity="warning"))
            continue
        if path.endswith(f"{CONSTITUTION}.md"):
            rules[CONSTITUTION] = Section(CONSTITUTION, "Constitution", text.removeprefix(BOM).strip(), path)
        else:
            found = cut_sections(text, path, keys) | found
    searched = [path for path, data in documents.items() if not path.endswith(f"{CONSTITUTION}.md") and not _too_large(data)]
    for task in tasks if searched else ():
        for name in task.traces:
            if wanted[name] not in found:
                _missing(reports[task.path or main], task, name, searched)
    sections = {name: msgspec.structs.replace(found[key], id=name) for name, key in wanted.items() if key in found}
    return sections | rules, (*(problem for report in reports.values() for problem in report.sorted()), *problems)


def _key(name: str, format_name: str) -> str:
    """How a heading names what a task traces to: Kiro's ``1.2`` is the second criterion of ``Requirement 1``."""
    return name.partition(".")[0] if format_name == "kiro" else name


def _missing(report: Report, task: Task, name: str, documents: Sequence[str]) -> None:
    line = task.span.line - 1
    end = min(len(report.lines), line + 500)
    at = next((n for n in range(line, end) if name in report.lines[n] and "races" in report.lines[n]), line)
    message = f"{task.id} traces to {name}, which has no heading in {', '.join(documents)}"
    column = report.lines[at].find(name) + 1 or 1
    report.add(
        "unknown-trace", message, at, column, hint=f'add a heading "#### {name}: ...", or correct the id', severity="warning"
    )
