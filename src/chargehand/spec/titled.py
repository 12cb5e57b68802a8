"""Tasks written as headings: ``#### T001: Title [P]``, ``### [X] T01 - Title``, ``## Task 1.1: Title``, their text below.

What people write where spec-kit and OpenSpec have checkboxes. A box in the heading is the status; without one, a check mark in the
heading or a checklist that is ticked throughout says that it is done, and to mark it done is to tick the checklist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from chargehand.model.task import CheckItem, FileStatus, Span, Task
from chargehand.spec.formats import Changes, Parsed
from chargehand.spec.lines import COMMENT, cut_with_ends
from chargehand.spec.outline import BODY, Box, Heading, Outline, status_marks
from chargehand.spec.paths import paths_in
from chargehand.spec.report import Report
from chargehand.spec.sequence import joined, steps, waits

_TASK = re.compile(
    r"(?:\[(?P<mark>[ xX~-]?)\][ \t]*)?[*_`]{0,3}"
    r"(?:(?:Task[ \t]+)?(?P<id>T-?[0-9]{1,5}[a-z]?)|Task[ \t-]*#?(?P<number>[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}))"
    r"(?![\w.-])[*_`]{0,3}[ \t]*[:：.—–-]?[ \t]*(?P<title>.*)",
    re.IGNORECASE | re.DOTALL,
)
_DONE_SIGN = re.compile(r"✅|☑|✔")
_NEEDS = re.compile(
    r"[ \t]*(?:[-*+][ \t]+)?[*_]{0,2}(?:dependencies|depends on|依赖|依存)[*_]{0,2}[ \t]*[:：][*_]{0,2}(.*)", re.IGNORECASE
)
_REF = re.compile(r"(?<![\w.-])(?:T-?[0-9]{1,5}[a-z]?|[0-9]{1,4}(?:\.[0-9]{1,4}){0,3})(?![\w-])")
_NONE = re.compile(r"[ \t*_]*(?:none|no|n/a|keine|无|なし|なし。|-)[ \t*_.。]*\Z", re.IGNORECASE)
_LOOKS = re.compile(r"[ \t]*[-*+][ \t]+[*]{0,2}T-?[0-9]| {0,3}#{2,4}[ \t]+[0-9]{1,3}\.[0-9]{1,3}[ \t]")
_PARALLEL = re.compile(r"\[P\]")


class _Section(NamedTuple):
    heading: Heading
    match: re.Match[str]
    end: int
    boxes: list[Box]

    @property
    def id(self) -> str:
        return self.match["id"] or f"task-{self.match['number']}"

    def status(self) -> FileStatus:
        sign = self.match["mark"]
        if sign is not None:
            return "done" if sign in "xX" and sign else ("in_progress" if sign in "~-" and sign else "todo")
        ticked = bool(self.boxes) and all(box.status == "done" for box in self.boxes)
        return "done" if ticked or _DONE_SIGN.search(self.heading.text) else "todo"


def has_titled(outline: Outline) -> bool:
    return next(_sections(outline), None) is not None


def read_titled(outline: Outline, report: Report) -> Parsed:
    """The tasks whose headings these are. Without any the report says what the text seems to be."""
    sections = list(_sections(outline))
    if not sections:
        _explain(outline, report)
        return Parsed((), report.sorted())
    ids = {section.id for section in sections}
    read = [_task(outline, section, ids) for section in sections]
    tasks = [task for task, _ in read]
    ordered = steps(
        (task.id, bool(_PARALLEL.search(section.heading.text)), section.heading.above)
        for task, section in zip(tasks, sections, strict=True)
    )
    implied = waits(ordered)
    inside = {box.line for section in sections for box in section.boxes}
    others = [box for box in outline.boxes if box.line not in inside]
    if others:
        count = "a checkbox stands" if len(others) == 1 else f"{len(others):,} checkboxes stand"
        message = f"{count} below no task's heading, not read as {'a task' if len(others) == 1 else 'tasks'}"
        report.add("no-id", message, others[0].line, hint="move them below a task, if work is meant", severity="warning")
    placed = (task if said else replace(task, needs=joined(task, implied.get(task.id, ()))) for task, said in read)
    return Parsed(tuple(placed), report.sorted())


def mark_titled(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    bom, lines, ends = cut_with_ends(text)
    outline = Outline(lines, Report("", lines))
    signs = status_marks(outline.boxes)
    pending = set(changes)
    for section in _sections(outline):
        if section.id not in pending:
            continue
        pending.discard(section.id)
        status, tick = changes[section.id]
        if section.match["mark"] is None:  # the ticks are the status
            tick = status == "done"
        if section.status() != status and not _mark_heading(lines, section, status, signs):
            pending.add(section.id)
            continue
        for box in section.boxes if tick else ():
            if box.status != "done":
                lines[box.line] = lines[box.line][: box.start] + signs["done"] + lines[box.line][box.end :]
    return bom + "".join([part for pair in zip(lines, ends, strict=True) for part in pair]), frozenset(pending)


def _mark_heading(lines: list[str], section: _Section, status: FileStatus, signs: dict[FileStatus, str]) -> bool:
    """Whether the status can be written; where the heading has a box it is."""
    if section.match["mark"] is None:
        return status == "done" and bool(section.boxes)
    if status not in {"todo", "done"}:
        return False
    line = lines[section.heading.line]
    start = line.index("[") + 1
    lines[section.heading.line] = line[:start] + signs[status] + line[start + len(section.match["mark"]) :]
    return True


def _sections(outline: Outline) -> Iterator[_Section]:
    """Headings that are tasks, each to the next heading of its own or a higher level, or the next task."""
    found = [(heading, match) for heading in outline.headings if (match := _TASK.match(heading.text))]
    marks = {heading.line for heading, _ in found}
    ends: dict[int, int] = {}
    open_: list[Heading] = []
    for heading in outline.headings:
        while open_ and (open_[-1].level >= heading.level or heading.line in marks):
            ends[open_.pop().line] = heading.line
        if heading.line in marks:
            open_.append(heading)
    at = 0
    for heading, match in found:
        end = ends.get(heading.line, len(outline.lines))
        while at < len(outline.boxes) and outline.boxes[at].line < heading.line:
            at += 1
        start = at
        while at < len(outline.boxes) and outline.boxes[at].line < end:
            at += 1
        yield _Section(heading, match, end, outline.boxes[start:at])


def _task(outline: Outline, section: _Section, ids: set[str]) -> tuple[Task, bool]:
    """The task, and whether it says itself what it waits for (it may say: nothing)."""
    heading, end = section.heading, section.end
    ticked = {box.line for box in section.boxes}
    below = enumerate(outline.lines[heading.line + 1 : end], heading.line + 1)
    kept = [line for n, line in below if outline.hidden[n] != COMMENT and n not in ticked]
    text = "\n".join(kept).strip()
    while text.endswith("---"):
        text = text.rstrip("-").rstrip()
    needs: dict[str, None] = {}
    said = False
    for line in kept:
        clause = _NEEDS.match(line)
        said = said or bool(clause and _NONE.match(clause[1]))
        for ref in _REF.findall(clause[1]) if clause else ():
            name = ref if ref in ids else f"task-{ref}"
            if name in ids and name != section.id:
                needs[name] = None
    title = _PARALLEL.sub("", _DONE_SIGN.sub("", section.match["title"])).strip()
    outer = heading.above
    task = Task(
        id=section.id,
        title=title or heading.text,
        span=Span(heading.line + 1, heading.level + 2),
        status=section.status(),
        description=text[:BODY],
        checklist=tuple(CheckItem(box.text, box.status == "done", box.span) for box in section.boxes),
        needs=tuple(needs),
        milestone=outer.text if outer and outer.level > 1 else "",
        files=paths_in(f"{title}\n{text}"),
    )
    return task, said or bool(needs)


def _explain(outline: Outline, report: Report) -> None:
    if not any(line.strip() for line in outline.lines):
        report.add("empty", "the file is empty", hint="write tasks as checkboxes: - [ ] T001 what is to be done")
    elif outline.boxes:
        alone = len(outline.boxes) == 1
        count = (
            "there is one checkbox, but it has no id"
            if alone
            else f"there are {len(outline.boxes):,} checkboxes, but none has an id"
        )
        report.add("no-id", count, outline.boxes[0].line, hint=_HINT)
    else:
        line = next((n for n, view in enumerate(outline.view) if _LOOKS.match(view)), -1)
        message = "these lines look like tasks, but have no checkbox" if line >= 0 else "there is no task in this file"
        report.add("other-format" if line >= 0 else "no-tasks", message, line, hint=_HINT)


_HINT = 'write a task as "- [ ] T001 what is to be done", or name another format with --format'
