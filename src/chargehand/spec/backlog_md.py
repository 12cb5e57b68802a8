"""Reads the files of Backlog.md: one task a file, YAML front matter above, acceptance criteria as boxes (``- [ ] #1 ...``) below.

A file without front matter is a task too, by its name and its first heading, when it has a heading at all; it has no place for a
status. ``dependencies`` are edges; ``parent_task_id`` names the milestone (every file is a task by itself, whoever its parent is).
"""

from __future__ import annotations

import re

from chargehand.model.task import CheckItem, FileStatus, Span, Task
from chargehand.spec.edits import Edit, applied
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.lines import cut, cut_with_ends
from chargehand.spec.outline import Box, Outline
from chargehand.spec.paths import paths_in
from chargehand.spec.records import TEXT, read_priority, read_status, slug, status_of, wrong_type
from chargehand.spec.report import Report
from chargehand.spec.tree import Node
from chargehand.spec.yaml_text import read_yaml

NAME = "backlog"

_OWN_PATH = re.compile(r"(?:^|/)backlog/(?:.*/)?[^/]*\.md$", re.IGNORECASE)
_ID = re.compile(r"^id:[ \t]*[\"']?[A-Za-z][\w-]*-[0-9]+(?:\.[0-9]+)*[\"']?[ \t]*$", re.MULTILINE)
_STATUS = re.compile(r"^status:", re.MULTILINE)
_CRITERIA = re.compile(r"acceptance criteria|definition of done", re.IGNORECASE)
_PLAN = re.compile(r"implementation (?:plan|notes)|final summary|notes|comments", re.IGNORECASE)
_NUMBERED = re.compile(r"#[0-9]{1,4}[ \t]+")
_MARKER = re.compile(r"[ \t]*<!--[ \t]*(?:SECTION:|AC:|DOD:|/?COMMENTS?:)[^>]*-->[ \t]*\Z")
_TEST = re.compile(r"\btests?\b", re.IGNORECASE)
_WORDS: dict[FileStatus, str] = {"todo": "To Do", "in_progress": "In Progress", "done": "Done"}


def recognise(path: str, text: str) -> int:
    front = _front(cut(text[:20_000]))
    own = bool(_OWN_PATH.search(path))
    if front:
        head = "\n".join(cut(text[:20_000])[1:front])
        signs = bool(_ID.search(head)) and bool(_STATUS.search(head))
        return CERTAIN if signs and own else (LIKELY if signs else (POSSIBLE if own else NO))
    return POSSIBLE if own and re.search(r"^#{1,2}[ \t]", text[:20_000], re.MULTILINE) else NO


_FORMATTED = re.compile(r"id:[ \t]*\S+[ \t]+title:.*[ \t]status:", re.IGNORECASE)


def _front(lines: list[str]) -> int:
    """The line the front matter ends on, counted from 0; 0 without one."""
    if lines[0].rstrip() != "---":
        return 0
    return next((n for n in range(1, len(lines)) if lines[n].rstrip() == "---"), 0)


def parse(text: str, path: str) -> Parsed:
    report = Report(path, cut(text))
    end = _front(report.lines)
    if not end:
        return _plain(report, path)
    root = read_yaml("\n".join(report.lines[1:end]) + "\n", report, line=1)
    if root is None:
        return Parsed((), report.sorted())
    if not isinstance(root.value, dict):
        report.add("front-matter", "the front matter holds no keys", 1, hint='write "id:", "title:" and "status:" lines')
        return Parsed((), report.sorted())
    return _task(root, end, report)


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    bom, lines, ends = cut_with_ends(text)
    report = Report("", lines)
    end = _front(lines)
    root = read_yaml("\n".join(lines[1:end]) + "\n", report, line=1) if end else None
    task_id = slug(root.text("id")) if root else ""
    if root is None or task_id not in changes or root.get("status") is None:
        return text, frozenset(changes)
    status, tick = changes[task_id]
    entry = root.table()["status"]
    found = status_of(entry.text())
    if not found or found[0] != status:
        word = _WORDS.get(status)
        if word is None:
            return text, frozenset(changes)
        n, start = entry.line, entry.column - 1
        if entry.end - entry.start > len(lines[n]) - start:
            return text, frozenset(changes)  # a status of several lines: no place we would touch
        quote = lines[n][start : start + 1] if lines[n][start : start + 1] in {"'", '"'} else ""
        lines[n] = applied(lines[n], [Edit(start, start + entry.end - entry.start, f"{quote}{word}{quote}")])
    if tick:
        for box in _criteria(Outline(lines, report)):
            if box.status != "done":
                lines[box.line] = lines[box.line][: box.start] + "x" + lines[box.line][box.end :]
    return bom + "".join([part for pair in zip(lines, ends, strict=True) for part in pair]), frozenset(set(changes) - {task_id})


def _task(root: Node, end: int, report: Report) -> Parsed:
    entry = root.get("id")
    if entry is None or not slug(entry.text()):
        at = entry or root
        report.add("task-id", "the front matter has no id", at.line, at.column, hint='write a line like "id: task-12"')
        return Parsed((), report.sorted())
    task_id = slug(entry.text())
    title = root.get("title")
    status, tag = _status(root, task_id, report)
    needs, places = _needs(root, task_id, report)
    outline = Outline(report.lines, report)
    body = _body(report.lines[end + 1 :])
    labels = root.texts("labels", "label", "tags")
    task = Task(
        id=task_id,
        title=(title.text() if title else _heading(outline)).strip(),
        span=Span(entry.line + 1, entry.column),
        priority=read_priority(root, task_id, report),
        status=status,
        description=body,
        checklist=tuple(_item(box) for box in _criteria(outline)),
        needs=needs,
        milestone=root.text("milestone") or root.text("parent_task_id", "parent"),
        files=tuple(dict.fromkeys((*root.texts("modified_files", "modifiedFiles"), *paths_in(body))))[:50],
        tags=(*labels, *((tag,) if tag else ())),
        manual=tag == "deferred",
    )
    return Parsed((task,), report.sorted(), {task_id: places} if places else {})


def _status(root: Node, task_id: str, report: Report) -> tuple[FileStatus, str]:
    entry = root.get("status")
    if entry is None:
        report.add("task-status", f"{task_id[:60]} has no status", 1, hint='write "status: To Do"', severity="warning")
        return "todo", ""
    return read_status(root, "status", task_id[:60], report)


def _needs(root: Node, task_id: str, report: Report) -> tuple[tuple[str, ...], tuple[int, int] | None]:
    entry = root.get("dependencies", "depends_on", "dependsOn")
    if entry is None:
        return (), None
    found: dict[str, None] = {}
    for node in entry.items() or [entry]:
        if node is entry and isinstance(node.value, list):
            continue
        if isinstance(node.value, (list, dict, bool)):
            wrong_type(report, node, f"{task_id[:60]}: a dependency", "an id")
        for word in re.split(r"[,\s]+", node.text().strip("[] ")):
            if slug(word):
                found[slug(word)] = None
    return tuple(found), (entry.line + 1, entry.column)


def _criteria(outline: Outline) -> list[Box]:
    """The boxes below the headings of acceptance criteria; without such a heading all that are below none of plan and notes."""
    under = [box for box in outline.boxes if box.heading and _CRITERIA.search(box.heading.text)]
    if under:
        return under
    return [box for box in outline.boxes if not box.heading or not any(_PLAN.search(level.text) for level in box.heading.path())]


def _item(box: Box) -> CheckItem:
    text = _NUMBERED.sub("", box.text, count=1)
    return CheckItem(text, box.status == "done", box.span, bool(_TEST.search(text)))


def _body(lines: list[str]) -> str:
    """The text below the front matter, without the tool's markers and the boxes' ticks."""
    kept = [re.sub(r"^([ \t]*[-*+][ \t]+)\[[ xX]\]", r"\1[ ]", line) for line in lines if not _MARKER.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()[:TEXT]


def _heading(outline: Outline) -> str:
    return outline.headings[0].text if outline.headings else ""


def _plain(report: Report, path: str) -> Parsed:
    """A file without front matter: a task by its name, done when its heading says so."""
    outline = Outline(report.lines, report)
    title = _heading(outline)
    name = path.rpartition("/")[2].removesuffix(".md")
    if not title:
        message = "the file is empty" if not any(map(str.strip, report.lines)) else "there is neither front matter nor a heading"
        report.add("no-tasks", message, hint='begin it with a line "---" and keys like "id: task-12", "title:" and "status:"')
        return Parsed((), report.sorted())
    hint = 'begin the file with a line "---" and keys like "id: task-12", "title:" and "status:"'
    if _FORMATTED.match(title):
        message = "this was front matter once: a formatter made a heading of it, and its status cannot be told"
        report.add(
            "front-matter", message, outline.headings[0].line, hint="put its keys on lines of their own, between two lines of ---"
        )
        return Parsed((), report.sorted())
    message = "no front matter: its id is the file's name, and its status cannot be kept"
    report.add("front-matter", message, 0, hint=hint, severity="warning")
    found = re.match(r"([A-Za-z][A-Za-z]*[-_ ][0-9]+(?:\.[0-9]+)*)", name)
    boxes = _criteria(outline)
    ticked = bool(re.search(r"✅|\b(?:COMPLETED?|DONE)\b", title))
    task = Task(
        id=slug((found[1] if found else name)[:64]),
        title=title,
        span=Span(outline.headings[0].line + 1),
        status="done" if ticked else "todo",
        description=_body(report.lines),
        checklist=tuple(_item(box) for box in boxes),
        files=paths_in("\n".join(report.lines)[:TEXT]),
    )
    return Parsed((task,), report.sorted())
