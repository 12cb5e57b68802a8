"""Reads the ``tasks.md`` of an OpenSpec change: ``## 1. Group`` with ``- [ ] 1.1 text`` below.

A box is a task, numbered or not; without a number its id is made of its text, and boxes nested in it are its checklist. A number
that has others below it (3.5 beside 3.5.1) is their group: it is done when they are, and their milestone.
Groups wait for each other and so do the tasks of a group, in the order of the text; neighbours marked ``[P]`` run together. Tasks
written as headings (``## Task 1: ...``) are read as such.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from chargehand.model.task import Task
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.lines import cut
from chargehand.spec.numbered import NUMBER, Numbered, head_of
from chargehand.spec.outline import Box, Outline, mark_boxes
from chargehand.spec.paths import paths_in
from chargehand.spec.report import Report
from chargehand.spec.sequence import joined, steps, waits
from chargehand.spec.titled import has_titled, mark_titled, read_titled

NAME = "openspec"

_HEAD = head_of(rf"{NUMBER}|T-?[0-9]{{1,5}}[a-z]?|[A-Z][A-Z0-9]{{0,9}}-[0-9]{{1,5}}")
_PARALLEL = re.compile(r"[ \t]*(?:\[P\]|\(P\))[ \t]*")
_OWN_PATH = re.compile(r"(?:^|/)openspec/changes/(?:.*/)?tasks\.md$", re.IGNORECASE)
_GROUP = re.compile(r"^##[ \t]+[0-9]{1,3}\.[ \t]", re.MULTILINE)
_ITEM = re.compile(r"^[-*+][ \t]+\[[ xX~-]\][ \t]+[0-9]{1,3}\.[0-9]{1,3}[ \t]", re.MULTILINE)
_BOX = re.compile(r"^[ \t]*[-*+][ \t]+\[[ xX~-]\][ \t]", re.MULTILINE)
_TITLED = re.compile(r"^#{2,4}[ \t].*\bTask[ \t]*[0-9]", re.MULTILINE)
_NUMBERED = re.compile(r"^#{2,4}[ \t]+[0-9]{1,3}\.[0-9]{1,3}[ \t]", re.MULTILINE)
_DELTA = re.compile(r"(?:ADDED|MODIFIED|REMOVED|RENAMED) Requirements\b|Requirement:")


def recognise(path: str, text: str) -> int:
    """Numbered groups with numbered boxes are its own; in its own path any box or task heading makes sense."""
    head = text[:200_000]
    if _OWN_PATH.search(path):
        return CERTAIN if _BOX.search(head) or _TITLED.search(head) else (POSSIBLE if _NUMBERED.search(head) else NO)
    return LIKELY if _GROUP.search(head) and _ITEM.search(head) else (POSSIBLE if _ITEM.search(head) else NO)


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    outline = Outline(report.lines, report)
    plan = _plan(outline)
    if plan is None:
        delta = next((heading for heading in outline.headings if _DELTA.search(heading.text)), None)
        if delta and not outline.boxes:
            hint = "the tasks of a change stand in its tasks.md"
            report.add("no-tasks", "this is a spec delta: it holds requirements, no tasks", delta.line, hint=hint)
            return Parsed((), report.sorted())
        return read_titled(outline, report)
    plan.say(report)
    tasks = [_task(name, box, plan) for box, name in plan.tasks()]
    implied = waits(steps((task.id, "P" in task.tags, plan.boxes[task.id].heading) for task in tasks))
    placed = (replace(task, needs=joined(task, implied.get(task.id, ()))) for task in tasks)
    return Parsed(plan.with_groups(placed), report.sorted())


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    lines = cut(text)
    if _plan(Outline(lines, Report("", lines))) is None:
        return mark_titled(text, changes)
    return mark_boxes(text, changes, _numbered, started=False)


def _numbered(outline: Outline) -> Numbered:
    return Numbered(outline, _HEAD, unnamed=True)


def _plan(outline: Outline) -> Numbered | None:
    """The boxes that are tasks; None when the tasks are headings, and boxes their checklists, or when there are none."""
    plan = _numbered(outline)
    if not plan.items or (not any(_HEAD.match(box.text) for box in outline.boxes) and has_titled(outline)):
        return None
    return plan


def _task(name: str, box: Box, plan: Numbered) -> Task:
    title, description, group = plan.title(box), box.description(), plan.group(name)
    section = box.heading.text if box.heading and box.heading.level > 1 else ""
    return Task(
        id=name,
        title=_PARALLEL.sub(" ", title).strip(),
        span=box.span,
        status=box.status,
        description=description,
        checklist=box.checklist(plan.own),
        milestone=plan.title(group) if group else section,
        context=group.description() if group else "",
        files=paths_in(f"{title}\n{description}"),
        tags=("P",) if _PARALLEL.search(title) else (),
    )
