"""Reads Kiro's ``tasks.md``: numbered boxes (``- [ ] 2.1 text``) with their details below and ``_Requirements: 1.1, 1.2_``.

A box with an id is a task, with one exception: a box that has sub-tasks (2 beside 2.1, 2.2) is their group, as Kiro itself does the
sub-tasks in its stead: it is done when they are. Its title is their milestone, its details are their context. If all its
sub-tasks are optional (``[ ]*``, mostly tests), it is a task like any other and they wait for it. Optional ones are tagged; nothing
waits for them.

Order: the waves of a dependency graph (``{"waves": ...}``) where there is one; a task that is in no wave (a checkpoint) waits for
all above it. Else the order of the text, one after another, neighbours marked ``(P)`` (cc-sdd) together. ``_Depends: 1.2_`` adds
to it.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from chargehand.model.task import Task
from chargehand.spec.formats import CERTAIN, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.json_text import read_json
from chargehand.spec.lines import FENCE, cut
from chargehand.spec.numbered import NUMBER, Numbered, head_of
from chargehand.spec.outline import Box, Outline, mark_boxes
from chargehand.spec.paths import paths_in
from chargehand.spec.report import Report
from chargehand.spec.sequence import MAX_ABREAST, Step, joined, steps, waits
from chargehand.spec.tree import Node

NAME = "kiro"

_HEAD = head_of(NUMBER)
_PARALLEL = re.compile(r"[ \t]*\(P\)[ \t]*")
_TRACES = re.compile(r"_[ \t]*(?:requirements?|需求|要件|要求|требования|요구사항)[ \t]*[:：]([^_\n]*)_?", re.IGNORECASE)
_BOLD_TRACES = re.compile(r"\*\*validates:?[ \t]*(?:requirements?)?[ \t]*[:：]?([^*\n]*)\*\*", re.IGNORECASE)
_DEPENDS = re.compile(r"_[ \t]*depends(?:[ \t]on)?[ \t]*[:：]([^_\n]*)_", re.IGNORECASE)
_BOUNDARY = re.compile(r"_[ \t]*boundary[ \t]*[:：]([^_\n]*(?:_[^_\n:]+)*)_", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:[ \t]*[-–~][ \t]*([0-9]{1,4})(?:\.([0-9]{1,4}))?)?(?![\w])")
_REF = re.compile(r"(?<![\w.])[0-9]{1,4}(?:\.[0-9]{1,4}){0,5}(?!\w)")
_OWN_PATH = re.compile(r"(?:^|/)\.kiro/specs/(?:.*/)?tasks\.md$", re.IGNORECASE)
_BOXES = re.compile(r"^[ \t]*[-*+][ \t\xa0]*\[[ \xa0xX~-]\](?:\\?\*)?[ \t]+[0-9]{1,4}(?:\.[0-9]{1,4})*\.?[ \t]", re.MULTILINE)
_SIGNS = re.compile(
    r"^[ \t]*(?:[-*+][ \t]+)?_(?:Requirements?|需求|要件|Требования)[ \t]*[:：]|^[ \t]*[-*+][ \t]+\[[ xX-]\]\\?\*[ \t]|\"waves\"",
    re.MULTILINE,
)
_MANY = 200


def recognise(path: str, text: str) -> int:
    """Numbered boxes; with requirements below them, or optional ones, no other format has them."""
    head = text[:200_000]
    if not _BOXES.search(head):
        return NO
    if _OWN_PATH.search(path) or _SIGNS.search(head):
        return CERTAIN
    return POSSIBLE


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    outline = Outline(report.lines, report)
    plan = Numbered(outline, _HEAD)
    if not plan.boxes:
        _explain(outline, report)
        return Parsed((), report.sorted())
    plan.say(report)
    tasks = [_task(name, box, plan) for box, name in plan.tasks()]
    waves = _waves(outline, report, plan)
    optional = {task.id for task in tasks if "optional" in task.tags}
    if waves:
        implied = _by_waves([task.id for task in tasks], waves, optional)
    else:
        order = ((task.id, "P" in task.tags, plan.boxes[task.id].heading) for task in tasks)
        implied = waits(steps(order), (), optional)
    placed = (replace(task, needs=joined(task, implied.get(task.id, ()))) for task in tasks)
    return Parsed(plan.with_groups(placed), report.sorted())


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    return mark_boxes(text, changes, lambda outline: Numbered(outline, _HEAD), started=True)


def _task(name: str, box: Box, plan: Numbered) -> Task:
    title = plan.title(box)
    description = box.description()
    optional = box.starred
    parallel = _PARALLEL.search(title) is not None
    group = plan.group(name)
    return Task(
        id=name,
        title=_PARALLEL.sub(" ", title).strip(),
        span=box.span,
        status=box.status,
        description=description,
        checklist=box.checklist(plan.own),
        needs=plan.expanded(tuple(ref for clause in _DEPENDS.findall(description) for ref in _REF.findall(clause))),
        traces=_traces(description),
        milestone=plan.title(group) if group else (box.heading.text if box.heading and box.heading.level > 2 else ""),
        context=group.description() if group else "",
        touches=tuple(path for clause in _BOUNDARY.findall(description) for path in paths_in(clause.replace(",", " "))),
        files=paths_in(f"{title}\n{description}"),
        tags=(*(("optional",) if optional else ()), *(("P",) if parallel else ())),
    )


def _traces(text: str) -> tuple[str, ...]:
    """The requirements a task's lines name, ranges within one requirement criterion by criterion."""
    found: dict[str, None] = {}
    for clause in (*_TRACES.findall(text), *_BOLD_TRACES.findall(text)):
        for major, minor, last_major, last_minor in _NUMBER.findall(clause):
            if last_major and minor and last_major == major and last_minor:
                numbers = range(int(minor), min(int(last_minor), int(minor) + _MANY) + 1)
                found.update(dict.fromkeys(f"{major}.{number}" for number in numbers))
            elif last_major:
                numbers = range(int(major), min(int(last_major), int(major) + _MANY) + 1)
                found.update(dict.fromkeys(str(number) for number in numbers))
            else:
                found[f"{major}.{minor}" if minor else major] = None
    return tuple(found)[:_MANY]


def _waves(outline: Outline, report: Report, plan: Numbered) -> list[list[str]]:
    """The dependency graph's waves, each with the tasks in it. What names no task is told of and passed over."""
    found: list[list[str]] = []
    for start, lines in _fences(outline):
        if not any('"waves"' in line for line in lines):
            continue
        root = read_json("\n".join(lines), report, line=start)
        waves = root.get("waves") if root else None
        for wave in waves.items() if waves else ():
            listed = wave.items() or _listed(wave)
            names: list[str] = []
            for node in listed:
                name = node.text()
                if name in plan.boxes:
                    names += plan.groups.get(name, [name])
                else:
                    message = f"there is no task {name[:40]} to be in this wave"
                    report.add("unknown-need", message, node.line, node.column, hint="remove it", severity="warning")
            found.append(names)
    return found


def _listed(wave: Node) -> list[Node]:
    tasks = wave.get("tasks", "ids", "taskIds")
    return tasks.items() if tasks else []


def _fences(outline: Outline) -> list[tuple[int, list[str]]]:
    """The code blocks: the line their content starts on, and its lines."""
    found: list[tuple[int, list[str]]] = []
    start, sign = -1, ""
    for n, why in enumerate(outline.hidden):
        line = outline.lines[n].strip() if why == FENCE else ""
        if why == FENCE and start < 0:
            start, sign = n, "`" if "```" in line else "~"
        elif start >= 0 and (why != FENCE or (line[:3] == sign * 3 and not line.strip(sign))):
            found.append((start + 1, outline.lines[start + 1 : n]))
            start = -1
    return found


def _by_waves(tasks: list[str], waves: list[list[str]], optional: set[str]) -> dict[str, Step]:
    """Each wave waits for the one before. A task in none waits for all above it, since the last such."""
    cut_waves = [tuple(wave[at : at + MAX_ABREAST]) for wave in waves for at in range(0, len(wave), MAX_ABREAST)]
    needs = waits(cut_waves, (), optional)
    above: list[str] = []
    for task_id in tasks:
        if task_id not in needs:
            needs[task_id] = tuple(above)
            above = above if task_id in optional else [task_id]
        elif task_id not in optional:
            above.append(task_id)
    return needs


def _explain(outline: Outline, report: Report) -> None:
    hint = 'write a task as "- [ ] 1.1 what is to be done", or name another format with --format'
    if not any(line.strip() for line in outline.lines):
        report.add("empty", "the file is empty", hint=hint)
    elif outline.boxes:
        message = f"none of the {len(outline.boxes):,} checkboxes has a number"
        report.add("no-id", message, outline.boxes[0].line, hint=hint)
    else:
        report.add("no-tasks", "there is no numbered checkbox in this file", hint=hint)
