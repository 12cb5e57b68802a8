"""Reads ralph's ``prd.json``: user stories with acceptance criteria, a priority and ``passes``.

Known shapes: a list under ``userStories``, ``stories``, ``features`` ..., lists in ``phases``, ``epics`` or ``milestones``, and a
bare list of ``{category, description, steps, complete}``.
ralph does one story at a time, the lowest priority number first: that order becomes needs, unless stories name their dependencies;
then only these hold. A phase waits for the one before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from chargehand.model.task import FileStatus, Task
from chargehand.spec.edits import PRIORITIES, Edit, applied, set_value
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.json_text import read_json
from chargehand.spec.lines import cut
from chargehand.spec.outline import name_of
from chargehand.spec.paths import paths_in
from chargehand.spec.records import check_items, read_hours, read_status, slug, span, told, wrong_type
from chargehand.spec.report import Report
from chargehand.spec.settle import MAX_TASKS
from chargehand.spec.tree import Node

NAME = "ralph"

_LISTS = ("userStories", "user_stories", "stories", "items", "features", "tasks", "requirements", "backlog")
_PARTS = ("phases", "epics", "milestones", "sprints")
_FLAGS = ("passes", "passed", "complete", "completed", "done")
_CRITERIA = ("acceptanceCriteria", "acceptance_criteria", "criteria", "steps")
_NEEDS = ("dependencies", "dependsOn", "depends_on", "blockedBy", "blocked_by")
_TOLD = (("description", ""), ("notes", "Notes"), ("technicalNotes", "Notes"), ("suggested_tests", "Suggested tests"))
_STORIES = re.compile(r'"(?:userStories|user_stories)"\s*:\s*\[')
_SHAPES = re.compile(r'"(?:stories|phases|epics|features|items|requirements|milestones|sprints|tasks|backlog)"\s*:\s*\[\s*\{')
_FLAG = re.compile(r'"(?:passes|complete)"\s*:\s*(?:true|false)')
_OWN_PATH = re.compile(r"(?:^|/)[^/]*prd[^/]*\.json$", re.IGNORECASE)


def recognise(path: str, text: str) -> int:
    head = text[:200_000]
    if head.lstrip("\ufeff \t\r\n")[:1] not in {"{", "["}:
        return NO
    if _STORIES.search(head):
        return CERTAIN
    own, flagged = bool(_OWN_PATH.search(path)), bool(_FLAG.search(head))
    if _SHAPES.search(head) or (flagged and head.lstrip("\ufeff \t\r\n")[:1] == "["):
        return CERTAIN if own else (LIKELY if flagged else NO)
    return POSSIBLE if own else NO


class _Story:
    """``flag`` is the key that says whether it is done."""

    __slots__ = ("flag", "id", "node", "part")

    def __init__(self, node: Node, story_id: str, part: str) -> None:
        self.node, self.id, self.part = node, story_id, part
        self.flag = next((key for key in _FLAGS if key in node.table()), "")

    def done(self) -> bool:
        return bool(self.flag) and self.node.table()[self.flag].value is True


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    root = read_json(text, report)
    if root is None:
        return Parsed((), report.sorted())
    stories = _stories(root, report)
    if len(stories) > MAX_TASKS:
        report.add("too-large", f"{len(stories):,} stories are more than {MAX_TASKS:,}", hint="split the spec into several files")
        return Parsed((), report.sorted())
    if not stories and not report.problems:
        at = root.get(*_LISTS, *_PARTS) or root
        hint = 'write stories to "userStories", each with an id, a title and "passes": false'
        report.add("no-tasks", "there is no story in this file", at.line, at.column, hint=hint)
    tasks = [_task(story, report) for story in stories]
    places = {story.id: (entry.line + 1, entry.column) for story in stories if (entry := story.node.get(*_NEEDS))}
    if not any(task.needs for task in tasks):
        before = ""
        for turn in _turns(stories):
            tasks[turn] = replace(tasks[turn], needs=(before,) if before else ())
            before = stories[turn].id
    return Parsed(tuple(tasks), report.sorted(), places)


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    report = Report("", cut(text))
    root = read_json(text, report)
    edits: list[Edit] = []
    pending = dict(changes)
    for story in _stories(root, report) if root else ():
        if story.id not in pending:
            continue
        status, _ = pending[story.id]
        edit = None if _status(story, report) == status else _edit(text, story, status)
        if edit or _status(story, report) == status:
            del pending[story.id]
        edits += [edit] if edit else []
    return applied(text, edits), frozenset(pending)


def _edit(text: str, story: _Story, status: FileStatus) -> Edit | None:
    """The change that states the status; None when the story has no place for it."""
    if not story.flag and story.node.get("status"):
        return set_value(text, story.node, "status", _WORDS[status])
    return set_value(text, story.node, story.flag or "passes", status == "done") if status in {"todo", "done"} else None


_WORDS: dict[FileStatus, str] = {
    "todo": "pending",
    "in_progress": "in_progress",
    "review": "review",
    "done": "done",
    "blocked": "blocked",
}


def _stories(root: Node, report: Report) -> list[_Story]:
    """All stories in the order of the text, with the phase each stands in."""
    found: list[_Story] = []
    taken: dict[str, int] = {}
    for part, listed in _lists(root, report):
        for node in listed.items():
            if not isinstance(node.value, dict):
                wrong_type(report, node, "this story", "an object")
                continue
            entry = node.get("id")
            if entry is not None and isinstance(entry.value, (list, dict, bool)):
                wrong_type(report, entry, "this id", "a text")
            story_id = slug(node.text("id")) or name_of(_title(node), taken)
            found.append(_Story(node, story_id, part))
    return found


def _lists(root: Node, report: Report) -> list[tuple[str, Node]]:
    if isinstance(root.value, list):
        return [("", root)]
    listed = root.get(*_LISTS)
    if listed is not None:
        if not isinstance(listed.value, list):
            wrong_type(report, listed, "the stories", "a list")
        return [("", listed)]
    found = []
    phases = root.get(*_PARTS)
    for phase in phases.items() if phases else ():
        tasks = phase.get(*_LISTS)
        if tasks is not None and isinstance(tasks.value, list):
            found.append((phase.text("name", "title", "id"), tasks))
        else:
            hint = 'give it a list "tasks", each with an id, a title and "passes": false'
            report.add("no-tasks", f"this {_part(root)} has no list of tasks", phase.line, phase.column, hint=hint)
    return found


def _part(root: Node) -> str:
    """What the file calls its parts."""
    return next((name[:-1] for name in _PARTS if root.get(name)), "part")


def _turns(stories: list[_Story]) -> list[int]:
    """The stories (by place) in the order ralph takes them: phase by phase, by number, then as they stand."""
    parts = {part: place for place, part in enumerate(dict.fromkeys(story.part for story in stories))}

    def turn(at: int) -> tuple[int, float, int]:
        entry = stories[at].node.get("priority")
        number = entry.value if entry and isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool) else None
        return parts[stories[at].part], float(number) if number is not None else float("inf"), at

    return sorted(range(len(stories)), key=turn)


def _title(node: Node) -> str:
    return (node.text("title", "name", "story", "description") or "").strip()[:300]


def _status(story: _Story, report: Report) -> FileStatus:
    if story.flag:
        entry = story.node.table()[story.flag]
        if not isinstance(entry.value, bool):
            wrong_type(report, entry, f"{story.id[:60]}: {story.flag}", "true or false")
        return "done" if entry.value is True else "todo"
    return read_status(story.node, "status", story.id[:60], report)[0]


def _task(story: _Story, report: Report) -> Task:
    node = story.node
    title, status = _title(node), _status(story, report)
    described = told(node, *_TOLD)
    test = node.get("test")
    if test and test.table():
        described += "\n\n" + told(test, ("name", "Test"), ("description", ""), ("file", ""), ("assertions", ""))
    return Task(
        id=story.id,
        title=title,
        span=span(node.get("id") or node),
        priority=PRIORITIES.get(node.text("priority").lower(), 2),
        status=status,
        estimate_hours=read_hours(node.text("estimate")),
        description=described.strip(),
        checklist=check_items(node, *_CRITERIA, done=status == "done"),
        needs=tuple(_needs(node, story, report)),
        milestone=story.part,
        files=tuple(dict.fromkeys((*node.texts("file", "files"), *paths_in(f"{title}\n{described}"))))[:50],
        tags=(*node.texts("labels", "tags"), *node.texts("category")),
    )


def _needs(node: Node, story: _Story, report: Report) -> Iterable[str]:
    entry = node.get(*_NEEDS)
    for item in (entry.items() or [entry]) if entry else ():
        name = slug(item.text())
        if name:
            yield name
        elif not (item is entry and isinstance(item.value, (list, str))):
            wrong_type(report, item, f"{story.id[:60]}: a dependency", "an id")
