"""A Markdown text as headings and checkboxes with what stands below each: what the formats made of checkbox lists share."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from chargehand.model.task import CheckItem, FileStatus, Span
from chargehand.spec.formats import Changes
from chargehand.spec.lines import FENCE, cut_with_ends, mask
from chargehand.spec.report import Report
from chargehand.spec.settle import MAX_TASKS

MAX_BOXES = 5 * MAX_TASKS
BODY = 20_000
"""Characters of the text below a box that are kept."""

_BOX = re.compile(
    r"([ \t]*)(?:[-*+]|[0-9]{1,9}[.)])[ \t\xa0]{0,8}\[([ \xa0xX~/✓✔☑-]?)\](?![(\[:])(\\?\*(?=[ \t]))?[ \t\xa0]*(.*)", re.DOTALL
)
"""Without a blank behind the bullet, or with one that does not break, it is no box to Markdown, but to those who wrote it."""

_ODD = re.compile(r"[ \t]*(?:[0-9]{1,4}(?:\.[0-9]{1,4}){1,5}[.)]?[ \t]+)?\[[ xX]?\][ \t]+\S")
"""A box that stands in no list item."""
_CELL = re.compile(r"\|[ \t]*\[[ xX]\][ \t]*\|")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)", re.DOTALL)
_BREAK = re.compile(r"[ \t]*(?:-{3,}|\*{3,}|_{3,}|=+)[ \t]*\Z|[ \t]*(?:\||\*\*|__|>)")
_DONE = frozenset("xX✓✔☑")
_TEST = re.compile(r"(?i:\btests?\b)")


class Heading:
    """``above`` is the heading it stands under, ``level`` 1 to 6. Lines count from 0."""

    __slots__ = ("above", "level", "line", "text")

    def __init__(self, line: int, level: int, text: str, above: Heading | None) -> None:
        self.line, self.level, self.text, self.above = line, level, text, above

    def path(self) -> list[Heading]:
        """From the outermost heading to this one."""
        found: list[Heading] = []
        at: Heading | None = self
        while at:
            found.append(at)
            at = at.above
        return found[::-1]


class Box:
    """A checkbox. ``start`` and ``end`` bound the mark between the brackets (they are equal in ``[]``), ``indent`` is in columns.

    ``starred``: an asterisk follows the bracket. ``text`` is what follows on its line, ``body`` the lines below that belong to it.
    """

    __slots__ = ("above", "body", "children", "end", "heading", "indent", "line", "mark", "starred", "start", "text")

    def __init__(self, line: int, match: re.Match[str], heading: Heading | None, above: Box | None) -> None:
        self.line, self.heading, self.above = line, heading, above
        self.indent = _width(match[1])
        self.start, self.end = match.span(2)
        self.mark = match[2]
        self.starred = bool(match[3])
        self.text = match[4].strip()
        self.body: list[str] = []
        self.children: list[Box] = []

    @property
    def status(self) -> FileStatus:
        if self.mark in _DONE:
            return "done"
        return "todo" if self.mark in {"", " ", "\xa0"} else "in_progress"

    @property
    def span(self) -> Span:
        """The place of the mark."""
        return Span(self.line + 1, self.start + 1)

    def description(self) -> str:
        """The lines below the box, moved to the left margin."""
        lines = [line.expandtabs(4) for line in self.body]
        margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        return "\n".join(line[margin:].rstrip() for line in lines).strip()[:BODY]

    def below(self) -> Iterator[Box]:
        """All boxes nested in it, in the order of the text."""
        ahead = self.children[::-1]
        while ahead:
            box = ahead.pop()
            yield box
            ahead += box.children[::-1]

    def checklist(self, skip: Callable[[Box], bool]) -> tuple[CheckItem, ...]:
        """The boxes nested in it, but for those to ``skip``."""
        return tuple(_check_item(box) for box in self.below() if not skip(box))


def _check_item(box: Box) -> CheckItem:
    text = "\n".join(part for part in (box.text, box.description()) if part)
    return CheckItem(text, box.status == "done", box.span, bool(_TEST.search(box.text)))


class Outline:
    """``boxes`` and ``headings`` in the order of the text; ``view`` are its lines with fences and comments blanked out.

    ``too_many`` says that there were more boxes than a spec can have, and only the first were read. ``odd`` are the lines of boxes
    that stand in no list item, to be told of by formats whose tasks are boxes.
    """

    def __init__(self, lines: list[str], report: Report) -> None:
        masked = mask(lines, report)
        self.lines, self.view, self.hidden = lines, masked.view, masked.hidden
        self.boxes: list[Box] = []
        self.headings: list[Heading] = []
        self.too_many = False
        self.odd: list[int] = []
        self._read()
        if self.too_many:
            message = f"more than {MAX_BOXES:,} checkboxes"
            report.add("too-large", message, self.boxes[-1].line, hint="split the spec into several files")

    def _read(self) -> None:
        heading: Heading | None = None
        open_: list[Box] = []
        gap = False
        for n, line in enumerate(self.view):
            if self.hidden[n] == FENCE:
                self._fenced(open_, self.lines[n])
                continue
            if not line.strip():
                gap = True
                if open_ and not self.hidden[n] and open_[-1].body:
                    open_[-1].body.append("")
                continue
            found = _HEADING.match(line) if "#" in line else None
            if found:
                heading = self._heading(n, found, heading)
                open_ = []
            elif "[" in line and (match := _BOX.match(line)):
                if len(self.boxes) >= MAX_BOXES:
                    self.too_many = True
                    return
                self._box(n, match, heading, open_)
            else:
                if "[" in line and (_ODD.match(line) or in_table(line)):
                    self.odd.append(n)
                self._body(open_, line, gap)
            gap = False

    def _heading(self, n: int, match: re.Match[str], last: Heading | None) -> Heading:
        level = len(match[1])
        above = last
        while above and above.level >= level:
            above = above.above
        found = Heading(n, level, match[2].strip().rstrip("#").strip(), above)
        self.headings.append(found)
        return found

    def _box(self, n: int, match: re.Match[str], heading: Heading | None, open_: list[Box]) -> None:
        indent = _width(match[1])
        while open_ and open_[-1].indent + 1 >= indent:  # one blank more is a slip, not a level
            open_.pop()
        box = Box(n, match, heading, open_[-1] if open_ else None)
        if open_:
            open_[-1].children.append(box)
        open_.append(box)
        self.boxes.append(box)

    def _body(self, open_: list[Box], line: str, gap: bool) -> None:
        """A line of text belongs to the innermost box it is indented below, or goes on with the paragraph right above it."""
        indent = _width(line[: len(line) - len(line.lstrip(" \t"))])
        if open_ and not gap and indent <= open_[-1].indent and not _ITEM.match(line) and not _BREAK.match(line):
            open_[-1].body.append(line)
            return
        while open_ and open_[-1].indent >= indent:
            open_.pop()
        if open_:
            open_[-1].body.append(line)

    def _fenced(self, open_: list[Box], line: str) -> None:
        if open_ and (open_[-1].body[-1:] or line[:1] in {" ", "\t"}):
            open_[-1].body.append(line)


def in_table(line: str) -> bool:
    """Whether a line is a row with a box in a cell."""
    return line.lstrip(" \t")[:1] == "|" and _CELL.search(line) is not None


def say_odd(lines: list[int], report: Report, severity: str = "warning") -> None:
    """Tell of boxes that stand where none is read."""
    if lines:
        count = "a box stands" if len(lines) == 1 else f"{len(lines):,} boxes stand"
        message = f"{count} in no list item, and {'is' if len(lines) == 1 else 'are'} not read"
        report.add("odd-box", message, lines[0], hint='write "- [ ] what is to be done", if work is meant', severity=severity)


def status_marks(boxes: list[Box]) -> dict[FileStatus, str]:
    """What stands between the brackets for each status that has a sign: the file's own sign for done."""
    capital = any(box.mark == "X" for box in boxes) and not any(box.mark == "x" for box in boxes)
    return {"todo": " ", "in_progress": "-", "done": "X" if capital else "x"}


class Places(Protocol):
    """Which boxes of a text are tasks."""

    def places(self) -> Mapping[str, Box]:
        """The box of each task."""

    def own(self, box: Box) -> bool:
        """Whether a nested box is an item of its own, not one of a checklist."""


def mark_boxes(text: str, changes: Changes, places_of: Callable[[Outline], Places], *, started: bool) -> tuple[str, frozenset[str]]:
    """Set the boxes of these tasks and, where asked, of their checklists. ``started``: there is a sign for work in progress."""
    bom, lines, ends = cut_with_ends(text)
    outline = Outline(lines, Report("", lines))
    plan, missing = places_of(outline), set[str]()
    places = plan.places()
    signs = status_marks(outline.boxes)
    for task_id, (status, tick) in changes.items():
        box = places.get(task_id)
        if box is None:
            missing.add(task_id)
            continue
        if box.status != status:
            if status in signs and (started or status != "in_progress"):
                _set(lines, box, signs[status])
            else:
                missing.add(task_id)
                continue
        for nested in box.below() if tick else ():
            if nested.status != "done" and not plan.own(nested):
                _set(lines, nested, signs["done"])
    return bom + "".join([part for pair in zip(lines, ends, strict=True) for part in pair]), frozenset(missing)


def _set(lines: list[str], box: Box, sign: str) -> None:
    line = lines[box.line]
    lines[box.line] = line[: box.start] + sign + line[box.end :]


def name_of(title: str, taken: dict[str, int]) -> str:
    """An id made of a title: the same wherever the title stands. The second of the same title gets a number."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].rstrip("-")
    mark = hashlib.blake2b(title.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    name = f"{words}-{mark}" if words else f"task-{mark}"
    taken[name] = number = taken.get(name, 0) + 1
    return f"{name}-{number}" if number > 1 else name


def _width(blank: str) -> int:
    return len(blank.expandtabs(4))
