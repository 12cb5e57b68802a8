"""Reads a beads export, ``issues.jsonl``: one issue a line.

Every issue is a task but for those that were deleted (``tombstone``) and the tool's own records (agents, messages, convoys ...),
which is said. Edges are the dependencies that block: ``blocks``, ``conditional-blocks``, ``waits-for``; others only inform. An
issue with children (``parent-child``) is done by doing these: it is ``manual`` and needs them, what needs it needs them, and they
wait for what it waits for. A dependency on an issue that is not in the export is on one that is gone, hence met; that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chargehand.model.task import CheckItem, FileStatus, Task
from chargehand.spec.edits import applied, set_value
from chargehand.spec.formats import CERTAIN, LIKELY, NO, Changes, Parsed
from chargehand.spec.json_text import read_json
from chargehand.spec.lines import cut, cut_with_ends
from chargehand.spec.paths import paths_in
from chargehand.spec.records import TEXT, check_items, slug, span, told, wrong_type
from chargehand.spec.report import Report
from chargehand.spec.settle import MAX_NEEDS, MAX_TASKS
from chargehand.spec.tree import MAX_NODES, Node

NAME = "beads"

_OWN_PATH = re.compile(r"(?:^|/)\.beads/[^/]*\.jsonl$", re.IGNORECASE)
_LINE = re.compile(r'\ufeff?\s*\{.*"(?:issue_type|issue_id|status)"\s*:')
_BLOCKING = frozenset({"blocks", "conditional-blocks", "waits-for"})
_RECORDS = frozenset({"agent", "message", "convoy", "role", "rig", "molecule", "event", "slot", "gate", "session"})
_STATUSES: dict[str, tuple[FileStatus, str]] = {
    "open": ("todo", ""),
    "in_progress": ("in_progress", ""),
    "hooked": ("in_progress", ""),
    "blocked": ("blocked", ""),
    "deferred": ("todo", "deferred"),
    "pinned": ("todo", "deferred"),
    "closed": ("done", ""),
}
_WORDS: dict[FileStatus, str] = {"todo": "open", "in_progress": "in_progress", "blocked": "blocked", "done": "closed"}
_FIELDS = (("description", ""), ("design", "Design"), ("notes", "Notes"))
MAX_DEEP = 30
"""Generations of issues."""

_BOX = re.compile(r"(?:[-*+]|[0-9]{1,3}[.)])[ \t]+(?:\[[ xX]?\][ \t]*)?")


def recognise(path: str, text: str) -> int:
    first = next((line for line in text[:200_000].split("\n") if line.strip()), "")
    if not _LINE.match(first) or '"id"' not in first:
        return NO
    return CERTAIN if _OWN_PATH.search(path) or '"issue_type"' in first else LIKELY


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    issues = list(_issues(report.lines, report))
    if any(problem.code == "too-large" for problem in report.problems):
        return Parsed((), report.sorted())
    kept = [issue for issue in issues if not _left_out(issue)]
    _say_left_out(len(issues) - len(kept), issues, report)
    if len(kept) > MAX_TASKS:
        report.add("too-large", f"{len(kept):,} issues are more than {MAX_TASKS:,}", hint="export fewer, without closed ones")
        return Parsed((), report.sorted())
    if not kept and not report.problems:
        report.add("no-tasks", "there is no issue in this file", hint="export them with: bd export")
    return _Links(kept, issues, report).parsed()


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    bom, lines, ends = cut_with_ends(text)
    pending = set(changes)
    for issue in _issues(lines, Report("", lines)) if pending else ():
        task_id = slug(issue.text("id"))
        if task_id not in pending or _left_out(issue):
            continue
        status = changes[task_id][0]
        if _STATUSES.get(issue.text("status"), ("todo", ""))[0] == status:
            pending.discard(task_id)
        elif status in _WORDS:
            pending.discard(task_id)
            lines[issue.line] = applied(lines[issue.line], [set_value(lines[issue.line], issue, "status", _WORDS[status])])
    return bom + "".join([part for pair in zip(lines, ends, strict=True) for part in pair]), frozenset(pending)


def _issues(lines: list[str], report: Report) -> Iterator[Node]:
    """The object of each line; offsets count within the line."""
    values = 0
    for n, line in enumerate(lines):
        if not line.strip():
            continue
        before = len(report.problems)
        node = read_json(line, report, line=n)
        if node is None:
            if len(report.problems) - before and len(report.problems) > 500:
                return
            continue
        if not isinstance(node.value, dict):
            wrong_type(report, node, "this line", "an object")
        elif node.get("_type") and node.text("_type") != "issue":
            continue
        elif not slug(node.text("id")):
            report.add("task-id", "this issue has no id", n, node.column, hint="each line is one issue with an id")
        else:
            listed = node.get("dependencies")
            values += len(node.table()) + sum(len(entry.table()) for entry in (listed.items() if listed else ()))
            if values > MAX_NODES:
                message = f"more than {MAX_NODES:,} values: this is data, not a spec"
                report.add("too-large", message, n, hint="export fewer, without closed ones")
                return
            yield node


def _left_out(issue: Node) -> bool:
    return issue.text("status") == "tombstone" or issue.text("issue_type") in _RECORDS


def _say_left_out(count: int, issues: list[Node], report: Report) -> None:
    if count:
        first = next(issue for issue in issues if _left_out(issue))
        message = f"{count:,} of {len(issues):,} lines are deleted issues or the tool's own records, and no tasks"
        report.add("left-out", message, first.line, severity="warning")


class _Links:
    """Who waits for whom. ``parents``: the parent of each child; ``children``: the other way round."""

    def __init__(self, kept: list[Node], issues: list[Node], report: Report) -> None:
        self.kept, self.report = kept, report
        self.titles = {slug(issue.text("id")): issue.text("title").strip() for issue in kept}
        self.known = self.titles.keys()
        self.gone = {slug(issue.text("id")) for issue in issues} - self.known
        self.parents: dict[str, str] = {}
        self.children: dict[str, list[str]] = {}
        self.blocked: dict[str, list[str]] = {}
        self.places: dict[str, tuple[int, int]] = {}
        self.total = 0
        self.absent: list[tuple[Node, str, str]] = []
        for issue in kept:
            self.read(issue)
        self.unknot()
        self.leaves: dict[str, list[str]] = {}

    def read(self, issue: Node) -> None:
        name = slug(issue.text("id"))
        listed = issue.get("dependencies")
        if listed is None:
            return
        if not isinstance(listed.value, list):
            wrong_type(self.report, listed, f"{name[:60]}: dependencies", "a list")
            return
        self.places[name] = (listed.line + 1, listed.column)
        for entry in listed.items():
            other = slug(entry.text("depends_on_id", "id") or entry.text())  # the second form is that of its --json
            kind = entry.text("type", "dependency_type") or "blocks"
            if not other:
                wrong_type(self.report, entry, f"{name[:60]}: a dependency", "an object with depends_on_id")
            elif kind == "parent-child" and other in self.known:
                if other != name and name not in self.parents:
                    self.parents[name] = other
                    self.children.setdefault(other, []).append(name)
            elif kind in _BLOCKING:
                if other in self.known:
                    self.blocked.setdefault(name, []).append(other)
                elif other not in self.gone:
                    self.absent.append((entry, name, other))

    def parsed(self) -> Parsed:
        if self.absent:
            entry, name, other = self.absent[0]
            count = f"{len(self.absent):,} dependencies are on issues that are not here, and taken as met"
            message = f"{count} ({name[:60]}: {other[:60]} first)"
            self.report.add("unknown-need", message, entry.line, entry.column, severity="warning")
        tasks = tuple(self.task(issue) for issue in self.kept)
        if self.total > MAX_NEEDS:
            message = f"{self.total:,} needs are more than {MAX_NEEDS:,}"
            self.report.add("too-large", message, hint="leave out what others already need")
        return Parsed(tasks, self.report.sorted(), self.places)

    def unknot(self) -> None:
        """Refuse parents that are their own children, and families too deep to be real."""
        for issue in self.kept:
            name = slug(issue.text("id"))
            above = self.above(name)
            if above and (above[-1] == name or len(above) > MAX_DEEP):
                line, column = self.places[name]
                circle = above[-1] == name
                message = f"{name[:60]} is a child of its own children" if circle else f"nested more than {MAX_DEEP} deep"
                hint = "remove one of these parent-child dependencies"
                self.report.add("cycle" if circle else "too-deep", message, line - 1, column, hint=hint)
                self.children[self.parents.pop(name)].remove(name)

    def above(self, name: str) -> list[str]:
        """Its parent, and theirs; a circle ends where it closes."""
        found: list[str] = []
        at = self.parents.get(name)
        while at and len(found) <= MAX_DEEP:
            found.append(at)
            at = self.parents.get(at) if at != name else None
        return found

    def below(self, name: str) -> list[str]:
        """The issues without children that stand for it: itself, if it has none."""
        if name not in self.leaves:
            seen = {name}
            ahead, found = [*self.children.get(name, ())][::-1], []
            while ahead:
                at = ahead.pop()
                if at in seen:
                    continue
                seen.add(at)
                fresh = self.children.get(at)
                if fresh:
                    ahead += fresh[::-1]
                else:
                    found.append(at)
            self.leaves[name] = found or [name]
        return self.leaves[name]

    def needs(self, name: str) -> tuple[str, ...]:
        wholes = self.above(name)
        named = [other for other in self.blocked.get(name, ()) if other not in wholes]
        for whole in wholes:  # what the whole waits for outside of itself, its parts wait for
            inherited = (other for other in self.blocked.get(whole, ()) if other != name and other not in wholes)
            named += (other for other in inherited if whole not in self.above(other))
        if name in self.children:
            named.append(name)
        leaves = {other: self.below(other) for other in dict.fromkeys(named)}
        self.total += sum(map(len, leaves.values()))
        if self.total > MAX_NEEDS:
            return ()
        itself = name in self.blocked.get(name, ())  # an issue that blocks itself is told of
        return tuple(dict.fromkeys(leaf for other in leaves for leaf in leaves[other] if leaf != name or itself))

    def task(self, issue: Node) -> Task:
        name = slug(issue.text("id"))
        status, tag = self.status(issue, name)
        kind = issue.text("issue_type")
        entry = issue.get("priority")
        number = entry.value if entry and isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool) else 2
        minutes = issue.get("estimated_minutes")
        hours = minutes.value / 60 if minutes and isinstance(minutes.value, int) and not isinstance(minutes.value, bool) else None
        parent = self.parents.get(name)
        described = told(issue, *_FIELDS)
        return Task(
            id=name,
            title=issue.text("title").strip(),
            span=span(issue.get("id") or issue),
            priority=max(0, min(3, int(number))),
            status=status,
            estimate_hours=hours or None,
            description=described,
            checklist=_criteria(issue, status == "done"),
            needs=self.needs(name),
            traces=tuple(issue.texts("spec_id")),
            milestone=self.title(parent) if parent else "",
            files=paths_in(described[:TEXT]),
            tags=(*issue.texts("labels"), *((kind,) if kind and kind != "task" else ()), *((tag,) if tag else ())),
            manual=tag == "deferred",
            group=name in self.children,
        )

    def title(self, name: str) -> str:
        return self.titles.get(name, "")

    def status(self, issue: Node, name: str) -> tuple[FileStatus, str]:
        entry = issue.get("status")
        word = entry.text() if entry else "open"
        found = _STATUSES.get(word)
        if found is None and entry is not None:
            message = f'{name[:60]} has the unknown status "{word[:30]}"'
            hint = f"beads knows {', '.join(_STATUSES)}"
            self.report.add("task-status", message, entry.line, entry.column, hint=hint)
        return found or ("todo", "")


def _criteria(issue: Node, done: bool) -> tuple[CheckItem, ...]:
    """The acceptance criteria, one a line, without what makes them a list."""
    entry = issue.get("acceptance_criteria")
    if entry is None or not isinstance(entry.value, str):
        return check_items(issue, "acceptance_criteria", done=done)
    lines = (_BOX.sub("", line.strip(), count=1).strip() for line in entry.value[:TEXT].splitlines())
    return tuple(CheckItem(line, done, span(entry), "test" in line.lower()) for line in lines if line)
