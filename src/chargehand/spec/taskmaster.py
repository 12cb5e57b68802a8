"""Reads Task Master's ``tasks.json``: a list of tasks by itself, under ``tasks``, or under each of several tags.

Tasks and sub-tasks are tasks, sub-tasks by the id Task Master gives them (``1.2``). A task that has sub-tasks is done by doing
these: it is ``manual`` (nobody is sent to do it once more), needs them, and what needs it needs them. Sub-tasks wait for what it
waits for, know its text, and are done when it is. With several tags the ids of all but the main one begin with the tag's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chargehand.model.task import FileStatus, Task
from chargehand.spec.edits import Edit, applied, set_value
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.json_text import read_json
from chargehand.spec.lines import cut
from chargehand.spec.paths import paths_in
from chargehand.spec.records import (
    TEXT,
    check_items,
    read_hours,
    read_priority,
    read_status,
    slug,
    span,
    told,
    wrong_type,
)
from chargehand.spec.report import Report
from chargehand.spec.settle import MAX_NEEDS, MAX_TASKS
from chargehand.spec.tree import Node

NAME = "taskmaster"

_OWN_PATH = re.compile(r"(?:^|/)(?:\.taskmaster/(?:.*/)?[^/]*|tasks/tasks)\.json$", re.IGNORECASE)
_TASKS = re.compile(r'"tasks"\s*:\s*\[|\A\ufeff?\s*\[')
_SIGNS = re.compile(r'"(?:testStrategy|test_strategy|subtasks)"\s*:')
_FIELDS = (("description", ""), ("details", "Details"), ("testStrategy", "Test strategy"), ("test_strategy", "Test strategy"))
_PARTS = ("subtasks", "subTasks", "children")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*\Z")
_WORDS: dict[FileStatus, str] = {
    "todo": "pending",
    "in_progress": "in-progress",
    "review": "review",
    "done": "done",
    "blocked": "blocked",
}
_OTHER_WORDS: dict[FileStatus, str] = {"todo": "todo", "in_progress": "in_progress", "done": "completed"}


def recognise(path: str, text: str) -> int:
    head = text[:200_000]
    if not _TASKS.search(head) or head.lstrip("\ufeff \t\r\n")[:1] not in {"{", "["}:
        return NO
    if _OWN_PATH.search(path):
        return CERTAIN
    if _SIGNS.search(head):
        return LIKELY
    return POSSIBLE if '"status"' in head and '"title"' in head else NO


class _Item:
    """A task's object. ``short`` is its id as written, ``id`` the full one, ``peers`` the full ids of its siblings by short id."""

    __slots__ = ("below", "id", "node", "parent", "peers", "short", "start")

    def __init__(self, node: Node, short: str, full: str, parent: _Item | None, peers: dict[str, str], start: str) -> None:
        self.node, self.short, self.id, self.parent, self.peers, self.start = node, short, full, parent, peers, start
        self.below: list[_Item] = []

    def above(self) -> Iterator[_Item]:
        """What it is part of, innermost first."""
        at = self.parent
        while at:
            yield at
            at = at.parent


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    root = read_json(text, report)
    return _File(root, report).parsed() if root else Parsed((), report.sorted())


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    report = Report("", cut(text))
    root = read_json(text, report)
    file = _File(root, report) if root else None
    edits: list[Edit] = []
    missing: set[str] = set()
    words = file.words() if file else _WORDS
    for task_id, (status, _) in changes.items():
        item = file.known.get(task_id) if file else None
        if file is None or item is None:
            missing.add(task_id)
        elif file.status(item)[0] == status:
            continue
        elif status != "done" and any(file.own[id(whole)][0] == "done" for whole in item.above()):
            missing.add(task_id)  # it would still be done, as its whole is
        else:
            edits.append(set_value(text, item.node, "status", words[status]))
            flag = item.node.table().get("completed")
            if flag is not None and isinstance(flag.value, bool) and flag.value != (status == "done"):
                edits.append(set_value(text, item.node, "completed", status == "done"))
    return applied(text, edits), frozenset(missing)


class _File:
    """``items``: all tasks and sub-tasks in the order of the text; ``known``: the first of each id; ``own``: what each states."""

    def __init__(self, root: Node, report: Report) -> None:
        self.report = report
        self.items: list[_Item] = []
        self.total = 0
        self.places: dict[str, tuple[int, int]] = {}
        lists = _lists(root, report)
        several = [tag for tag, tasks in lists if tasks.items()]
        main = "master" if "master" in several else ""
        for tag, tasks in lists:
            start = "" if len(several) < 2 or tag == main else f"{slug(tag)}."
            self.read(tasks, start)
        self.known: dict[str, _Item] = {}
        for item in self.items:
            self.known.setdefault(item.id, item)
        self.own = {id(item): read_status(item.node, "status", item.id[:60], report) for item in self.items}
        self.found = {id(item): self.needs(item) for item in self.items}
        self.leaves: dict[str, list[str]] = {}
        for item in reversed(self.items):
            below = [leaf for child in item.below for leaf in self.leaves[child.id]]
            self.leaves[item.id] = below or [item.id]

    def read(self, tasks: Node, start: str) -> None:
        ahead: list[tuple[Node, _Item | None]] = [(tasks, None)]
        while ahead:
            listed, parent = ahead.pop()
            peers: dict[str, str] = {}
            fresh = []
            for node in listed.items():
                item = self.item(node, parent, peers, start)
                if item:
                    fresh.append(item)
                    subtasks = item.node.get(*_PARTS)
                    if subtasks and not isinstance(subtasks.value, list):
                        wrong_type(self.report, subtasks, f"{item.id[:60]}: subtasks", "a list")
            if parent:
                parent.below = fresh
            self.items += fresh
            ahead += [(subtasks, item) for item in reversed(fresh) if (subtasks := item.node.get(*_PARTS))]
        self.items.sort(key=lambda item: item.node.start)

    def item(self, node: Node, parent: _Item | None, peers: dict[str, str], start: str) -> _Item | None:
        if not isinstance(node.value, dict):
            if parent is None or not node.text():  # sub-tasks that are plain texts are a checklist
                wrong_type(self.report, node, "this task", "an object")
            return None
        short = slug(node.text("id"))
        if not short:
            at = node.get("id") or node
            self.report.add("task-id", "this task has no id", at.line, at.column, hint='give it one: "id": 12')
            return None
        if parent is None:
            full = start + short
        elif short.startswith(f"{parent.short}."):
            full = parent.id + short[len(parent.short) :]
        else:
            full = f"{parent.id}.{short}" if _NUMBER.match(short) else start + short
        peers.setdefault(short, full)
        peers.setdefault(short.rpartition(".")[2], full)
        return _Item(node, short, full, parent, peers, start)

    def status(self, item: _Item) -> tuple[FileStatus, str]:
        """What it states, or what the whole does: parts of what is done are done."""
        own = self.own[id(item)]
        for whole in item.above():
            stated = self.own[id(whole)]
            if own[0] != "done" and (stated[0] == "done" or stated[1]):
                own = stated
        return own

    def needs(self, item: _Item) -> list[str]:
        """The full ids of what it says it depends on."""
        entry = item.node.get("dependencies", "dependsOn", "depends_on")
        if entry is None:
            return []
        self.places[item.id] = (entry.line + 1, entry.column)
        wholes = {whole.id for whole in item.above()}
        found = []
        for node in entry.items() or [entry]:
            if isinstance(node.value, (dict, bool)) or (isinstance(node.value, list) and node is not entry):
                wrong_type(self.report, node, f"{item.id[:60]}: a dependency", "an id")
                continue
            for word in node.text().split(","):
                name = self.resolved(item, slug(word))
                if name and name not in wholes:
                    found.append(name)
        return found

    def resolved(self, item: _Item, name: str) -> str:
        """A sibling's id, or one from the top."""
        top = next((whole for whole in reversed(list(item.above()))), item)
        within = f"{item.parent.id}.{name}" if item.parent else ""
        if name in item.peers:
            return item.peers[name]
        if within in self.known:
            return within
        return top.peers.get(name) or f"{item.start}{name}" if name else ""

    def parsed(self) -> Parsed:
        report = self.report
        if len(self.items) > MAX_TASKS:
            message = f"{len(self.items):,} tasks are more than {MAX_TASKS:,}"
            report.add("too-large", message, hint="split the spec into several files")
            return Parsed((), report.sorted())
        if not self.items and not report.problems:
            report.add("no-tasks", "there is no task in this file", hint='tasks stand in a list "tasks", by itself or below a tag')
        tasks = tuple(self.task(item) for item in self.items)
        if self.total > MAX_NEEDS:
            message = f"{self.total:,} needs are more than {MAX_NEEDS:,}"
            report.add("too-large", message, hint="leave out what others already need")
        return Parsed(tasks, report.sorted(), self.places)

    def task(self, item: _Item) -> Task:
        node, name = item.node, item.id[:60]
        status, tag = self.status(item)
        title = _title(node)
        description = told(node, *_FIELDS)
        hours = read_hours(node.text("estimate", "estimatedTime"))
        number = node.get("estimatedHours", "estimated_hours")
        if number and isinstance(number.value, (int, float)) and not isinstance(number.value, bool):
            hours = float(number.value)
        group = [f"Part of {whole.id}: {_title(whole.node)}\n\n{told(whole.node, *_FIELDS)}" for whole in item.above()]
        finished = status == "done"
        criteria = check_items(node, "acceptanceCriteria", "acceptance_criteria", done=finished)
        criteria += () if item.below else check_items(node, *_PARTS, done=finished)
        return Task(
            id=item.id,
            title=title,
            span=span(node.get("id") or node),
            priority=read_priority(node, name, self.report),
            status=status,
            estimate_hours=hours,
            description=description,
            checklist=criteria,
            needs=self.all_needs(item),
            milestone=_title(item.parent.node) if item.parent else item.start.rstrip("."),
            context="\n\n".join(group)[:TEXT],
            files=tuple(dict.fromkeys((*node.texts("files"), *paths_in(f"{title}\n{description}"))))[:50],
            tags=(*node.texts("tags", "labels"), *((tag,) if tag else ())),
            manual=tag == "deferred",
            group=bool(item.below),
        )

    def all_needs(self, item: _Item) -> tuple[str, ...]:
        """What it, and what it is part of, depends on, and its parts; parts in place of what has parts."""
        named = [*self.found[id(item)], *(child.id for child in item.below)]
        for whole in item.above():
            named += self.found[id(whole)]
        self.total += sum(len(self.leaves.get(name, ())) or 1 for name in named)
        if self.total > MAX_NEEDS:
            return ()
        return tuple(dict.fromkeys(leaf for name in named for leaf in self.leaves.get(name, [name])))

    def words(self) -> dict[FileStatus, str]:
        """The words for statuses as this file writes them."""
        used = {entry.text() for item in self.items if (entry := item.node.get("status"))}
        words = dict(_WORDS)
        for status, other in _OTHER_WORDS.items():
            if other in used and words[status] not in used:
                words[status] = other
        return words


def _title(node: Node) -> str:
    return (node.text("title", "name") or node.text("description")[:200]).strip()


def _lists(root: Node, report: Report) -> list[tuple[str, Node]]:
    """The lists of tasks with their tags."""
    if isinstance(root.value, list):
        return [("", root)]
    tasks = root.get("tasks")
    if tasks is not None:
        if not isinstance(tasks.value, list):
            wrong_type(report, tasks, "tasks", "a list")
        return [("", tasks)]
    found = [(tag, tasks) for tag, node in root.table().items() if (tasks := _tasks_of(node))]
    names = {tag for tag, _ in found}
    holder = root.get("tags")
    for tag, node in holder.table().items() if holder else ():
        tasks = _tasks_of(node)
        if tasks and tag in names:
            message = f'the tag "{tag[:40]}" is there twice; Task Master reads the outer one, and so do we'
            report.add("duplicate-tag", message, node.line, node.column, severity="warning")
        elif tasks:
            found.append((tag, tasks))
    return found


def _tasks_of(node: Node) -> Node | None:
    tasks = node.get("tasks")
    return tasks if tasks is not None and isinstance(tasks.value, list) else None
