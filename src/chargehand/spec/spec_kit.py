"""Reads spec-kit's ``tasks.md``: ``- [ ] T012 [P] [US1] Create the model in src/models/user.py (depends on T010, T011)``.

A box with an id is a task; a box without one below it belongs to its checklist, anywhere else it is none (quality gates at the end
of many files), which is said. Order, as spec-kit's own ``implement`` has it, becomes needs: tasks of a phase run one after another,
neighbours marked ``[P]`` below one heading together; a phase waits for the one before it. A phase that is a user story waits for
less where the file says so in words ("US3: depends on US1", "can start after Foundational"): for what is named there. Phases after
the stories wait for all of them. Paths a task names are its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from chargehand.model.task import Task
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.lines import cut
from chargehand.spec.outline import Box, Heading, Outline, mark_boxes, say_odd
from chargehand.spec.paths import paths_in
from chargehand.spec.report import Report
from chargehand.spec.sequence import Step, joined, steps, waits
from chargehand.spec.titled import mark_titled, read_titled

NAME = "spec-kit"

_TAG = r"\[(?:P|US[ -]?[0-9]{1,4}|Story|SHARED|Shared)\][ \t]*"
_ID = r"(?:T-?[0-9]{1,6}(?:\.[0-9]{1,4})*[a-z]?|[A-Z][A-Z0-9]{0,15}-[0-9]{1,6}[a-z]?|[0-9]{1,4}(?:\.[0-9]{1,4}){1,3})"
_HEAD = re.compile(rf"(?:{_TAG})*[*_`~]{{0,3}}\[?({_ID})(?![\w-])\]?[*_`~]{{0,3}}[,:.)]{{0,2}}(?P<rest>.*)", re.DOTALL)
_TAGS = re.compile(r"[ \t]*(?:\[([^\[\]\n]{1,24})\](?!\()|\b(US[0-9]{1,3}|P[0-3])(?=[ \t])|[-–—:](?=[ \t]))")
_STORY = re.compile(r"(?:US|User Story)[ -]?([0-9]{1,4})", re.IGNORECASE)
_PHASE = re.compile(r"\b(?:phase|stage|fase|étape|phase)\b|阶段|階段|フェーズ|단계", re.IGNORECASE)
_DEPENDS = re.compile(
    r"(?:depends on|dependencies:|depends:|blocked by|needs:)[*_ \t:]*((?:[^()\n.;]|\.(?=[0-9]))*)", re.IGNORECASE
)
_REF = re.compile(rf"(?<![\w-])({_ID})(?!\w)(?:[ \t]*(?:-|–|—|\.\.\.?|to\b)[ \t]*({_ID})(?!\w))?")
_PLAIN_NUMBER = re.compile(r"[0-9.]+\Z")
_SAYING = re.compile(
    r"[ \t]*[-*+][ \t]+[*_]{0,2}(?:Phase[ ]?[0-9]+[ ]?)?\(?(?:US|User Story)[ -]?(?P<story>[0-9]{1,4})\b"
    r"[^:\n]{0,60}:[*_]{0,2}[ \t]*(?P<said>[^\n]*)",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:depends? (?:only )?on|builds on|after|requires|needs|blocked by)\b((?:(?![ ][-–—][ ])[^.;(])*)", re.IGNORECASE
)
_NAMED_PHASE = re.compile(r"Phases?[ ]([0-9]{1,3})(?:[ ]?[-–—][ ]?([0-9]{1,3}))?", re.IGNORECASE)
_FREE = re.compile(r"foundational|setup|no dependenc|independent|phase [0-9]", re.IGNORECASE)
_IDS_AT = re.compile(rf"^[ \t]*[-*+][ \t]+\[[ xX]\][ \t]+(?:{_TAG})*T-?[0-9]{{2,}}", re.MULTILINE)
_TITLES_AT = re.compile(
    r"^#{2,4}[ \t]+(?:\[[ xX]\][ \t]+T-?[0-9]{2,}|T[0-9]{2,4}[ \t]*[:—–]|Task[ \t]+[0-9]{1,3}(?:\.[0-9]{1,3})*[ \t]*[:—–])",
    re.MULTILINE,
)
_OWN_PATH = re.compile(r"(?:^|/)(?:specs/[^/]+/|\.specify/(?:.*/)?)tasks\.md$", re.IGNORECASE)


def recognise(path: str, text: str) -> int:
    """Boxes with ids like T001, on items or on headings, are its own; in its own path any box or task heading makes sense."""
    head = text[:200_000]
    if _IDS_AT.search(head):
        return CERTAIN if "[P]" in head or "[US" in head or _OWN_PATH.search(path) else LIKELY
    if len(_TITLES_AT.findall(head)) > 1:
        return LIKELY
    if not _OWN_PATH.search(path) or ".kiro/" in path:
        return NO
    return (
        CERTAIN if re.search(r"^[ \t]*[-*+][ \t]+\[[ xX]\]|^#{2,4}[ \t].*\bT(?:ask)?[ -]?[0-9]", head, re.MULTILINE) else POSSIBLE
    )


class _Entry(NamedTuple):
    """A task as it stands in the text. ``phase`` is its outermost heading that is one, ``part`` the innermost."""

    task: Task
    parallel: bool
    story: str
    phase: Heading | None
    part: Heading | None


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    outline = Outline(report.lines, report)
    boxes = _tasks(outline)
    if not boxes:
        return read_titled(outline, report)
    entries = [_entry(task_id, box, boxes) for task_id, box in boxes.items()]
    entries += _twins(outline, boxes)
    _say_others(outline, report)
    entries.sort(key=lambda entry: entry.task.span.line)
    needs = _order(entries, outline)
    tasks = tuple(replace(entry.task, needs=joined(entry.task, needs.get(entry.task.id, ()))) for entry in entries)
    return Parsed(_ranged(tasks), report.sorted())


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    lines = cut(text)
    if not _tasks(Outline(lines, Report("", lines))):
        return mark_titled(text, changes)
    return mark_boxes(text, changes, _Places, started=False)


class _Places:
    def __init__(self, outline: Outline) -> None:
        self.outline = outline

    def places(self) -> dict[str, Box]:
        """Where a status can be written: what is struck out is done, whatever its box says."""
        return {task_id: box for task_id, box in _tasks(self.outline).items() if not _dropped(box)}

    def own(self, box: Box) -> bool:
        return _HEAD.match(box.text) is not None


def _tasks(outline: Outline) -> dict[str, Box]:
    """The box of each id, the first where one is there twice."""
    found: dict[str, Box] = {}
    for box in outline.boxes:
        head = _HEAD.match(box.text)
        if head:
            found.setdefault(head[1], box)
    return found


def _dropped(box: Box) -> bool:
    return box.text.startswith("~~")


def _twins(outline: Outline, boxes: Mapping[str, Box]) -> list[_Entry]:
    """Boxes whose id another has already: tasks as well, so that it is told of."""
    heads = ((box, _HEAD.match(box.text)) for box in outline.boxes)
    return [_entry(head[1], box, boxes) for box, head in heads if head and boxes[head[1]] is not box]


def _entry(task_id: str, box: Box, boxes: Mapping[str, Box]) -> _Entry:
    head = _HEAD.match(box.text)
    assert head is not None
    tags = [match[1] for match in re.finditer(r"\[([^\[\]]{1,24})\]", box.text[: head.start(1)])]
    rest, at = head["rest"], 0
    while match := _TAGS.match(rest, at):
        tags += [tag for tag in match.groups() if tag]
        at = match.end()
    title, dropped = rest[at:].strip(), _dropped(box)
    if dropped:
        title, tags = title.removesuffix("~~").rstrip(), [*tags, "cancelled"]
    story = next((match[1] for tag in tags if (match := _STORY.fullmatch(tag))), "")
    description = box.description()
    said = f"{title}\n{description}"
    needs = [ref for depends in _DEPENDS.finditer(said) for ref in _refs(depends[1], boxes)]
    levels = box.heading.path() if box.heading else []
    phase = next((level for level in levels if _PHASE.search(level.text)), None)
    phase = phase or next((level for level in levels if level.level > 1), box.heading)
    task = Task(
        id=task_id,
        title=title,
        span=box.span,
        priority=next((int(tag[1]) for tag in tags if re.fullmatch(r"P[0-3]", tag)), 2),
        status="done" if dropped else box.status,
        description=description,
        checklist=box.checklist(lambda nested: _HEAD.match(nested.text) is not None),
        needs=tuple(dict.fromkeys(needs)),
        traces=tuple(dict.fromkeys(re.findall(r"\b(?:FR|NFR|SC)-[0-9]{1,5}\b", said))),
        milestone=phase.text if phase else "",
        files=paths_in(said),
        tags=tuple(dict.fromkeys(tag for tag in tags if not re.fullmatch(r"P[0-3]?", tag))),
    )
    return _Entry(task, "P" in tags, story, phase, box.heading)


def _refs(text: str, known: Mapping[str, Box]) -> list[str]:
    """The ids a clause names; a range as ``T001..T005``, to be resolved when all are known. A word that only looks like an id (a
    version, a requirement) is none."""
    found = []
    for match in _REF.finditer(text):
        first, last = match.groups()
        if first in known or (first[0] == "T" and not _PLAIN_NUMBER.match(first)):
            found.append(f"{first}..{last}" if last else first)
    return found


def _ranged(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """The tasks with ranges among their needs replaced by what lies between, in the order of the text."""
    if not any(".." in need for task in tasks for need in task.needs):
        return tasks
    order = {task.id: place for place, task in enumerate(tasks)}
    ids = list(order)
    return tuple(
        replace(task, needs=tuple(dict.fromkeys(need for wanted in task.needs for need in _between(wanted, order, ids))))
        for task in tasks
    )


def _between(need: str, order: Mapping[str, int], ids: list[str]) -> list[str]:
    first, dots, last = need.partition("..")
    if not dots:
        return [need]
    if first not in order or last not in order:
        return [end for end in (first, last) if end not in order] or [first, last]
    return ids[order[first] : order[last] + 1][:500]


def _say_others(outline: Outline, report: Report) -> None:
    """Boxes that are neither a task nor part of one."""
    say_odd(outline.odd, report)
    others = [box for box in outline.boxes if not _HEAD.match(box.text) and not _inside(box)]
    if others:
        count = "a checkbox" if len(others) == 1 else f"{len(others):,} checkboxes"
        message = f"{count} without an id, not read as {'a task' if len(others) == 1 else 'tasks'}"
        report.add("no-id", message, others[0].line, hint="give it an id like T001, if work is meant", severity="warning")


def _inside(box: Box) -> bool:
    above = box.above
    while above and not _HEAD.match(above.text):
        above = above.above
    return above is not None


def _order(entries: list[_Entry], outline: Outline) -> dict[str, Step]:
    """What each task waits for by its place."""
    phases: dict[object, list[_Entry]] = {}
    for entry in entries:
        phases.setdefault(entry.phase, []).append(entry)
    sayings = _sayings(outline)
    needs: dict[str, Step] = {}
    base: Step = ()
    ends: list[Step] = []  # of the stories since then
    stories: dict[str, Step] = {}
    for members in phases.values():
        story = members[0].story
        whole = story and all(entry.story == story for entry in members)
        if not whole:
            entry_ = tuple(dict.fromkeys(task_id for end in ends for task_id in end)) or base
        elif story in sayings:
            entry_ = tuple(dict.fromkeys(task_id for name in sorted(sayings[story]) for task_id in stories.get(name, ()))) or base
        else:
            entry_ = ends[-1] if ends else base
        ordered = steps((entry.task.id, entry.parallel, entry.part) for entry in members)
        needs = waits(ordered, entry_) | needs
        if whole:
            ends.append(ordered[-1])
            stories[story] = (*stories.get(story, ()), *ordered[-1])[:100]
        else:
            base, ends = ordered[-1], []
    return needs


def _sayings(outline: Outline) -> dict[str, set[str]]:
    """For each story the file speaks about the stories it must wait for (none: it starts with the first)."""
    found: dict[str, set[str]] = {}
    numbered = {number: match[1] for number, match in _numbered(outline)}
    for line in _plain_lines(outline):
        match = _SAYING.match(line)
        if not match:
            continue
        named = {other for clause in _AFTER.findall(match["said"]) for other in _stories(clause, numbered)}
        if named or _FREE.search(match["said"]):
            found.setdefault(match["story"], set()).update(named - {match["story"]})
    return found


def _numbered(outline: Outline) -> Iterable[tuple[int, re.Match[str]]]:
    """The phases (by number) that are stories."""
    for heading in outline.headings:
        phase, story = _NAMED_PHASE.search(heading.text), _STORY.search(heading.text)
        if phase and story:
            yield int(phase[1]), story


def _stories(clause: str, numbered: Mapping[int, str]) -> list[str]:
    """The stories a clause names, by their number or that of their phase."""
    found = _STORY.findall(clause)
    for first, last in _NAMED_PHASE.findall(clause):
        found += [numbered[number] for number in range(int(first), int(last or first) + 1) if number in numbered]
    return found[:8]


def _plain_lines(outline: Outline) -> Iterable[str]:
    at = {box.line for box in outline.boxes}
    return (line[:1000] for n, line in enumerate(outline.view) if line.lstrip()[:1] in {"-", "*", "+"} and n not in at)
