"""Where the items of a roadmap are: boxes at any depth, headings with boxes, lists with an emoji; and what stands around them."""

from __future__ import annotations

import re

from chargehand.model.task import FileStatus
from chargehand.spec.lines import FENCE, FRONT, mask
from chargehand.spec.outline import in_table
from chargehand.spec.report import Report

BOX = re.compile(
    r"(?P<lead>[ \t]*(?:(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t\xa0]*|[0-9]{1,4}(?:\.[0-9]{1,4}){1,5}[.)]?[ \t]+))?)"
    r"\[(?P<in>[ \t\xa0]?(?:[xX~/!?>*✓✔✅☑-]\ufe0f?)?[ \t\xa0]?)\](?![(\[:])[ \t\xa0]*(?P<text>.*)",
    re.DOTALL,
)
MAX_ITEMS = 100_000
MAX_TEXT = 20_000
_LONG = 5_000
"""A longer line is text, whatever it looks like."""

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)", re.DOTALL)
_BULLET = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+")
_ROW = re.compile(r"[ \t]*\|")
_RULE = re.compile(r"[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|={3,})\Z")
_LABEL = re.compile(
    r"[ \t]*(?:>[ \t]*)?(?:[-*+][ \t]+)?[*_]{0,2}(goals?|objective|priority|effort|estimate|est|prerequisites?|depends on|"
    r"dependencies|requires|blocked by|files?|context)(?::[*_]{0,2}|[*_]{1,2}[ \t]*:)[ \t]*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_LABELS = {
    "goals": "goal", "objective": "goal", "estimate": "effort", "est": "effort", "prerequisites": "needs", "prerequisite": "needs",
    "depends on": "needs", "dependencies": "needs", "requires": "needs", "blocked by": "needs", "file": "files",
}  # fmt: skip
_EMOJI: dict[str, FileStatus] = {
    **dict.fromkeys("✅☑✔🎉", "done"),
    **dict.fromkeys("🚧🔄🏗🔨🟡", "in_progress"),
    **dict.fromkeys("⬜🔲☐⭕📋📅📝⏳🔜🚀💡🆕🗓⚪🔵", "todo"),
    **dict.fromkeys("⏸🔒", "blocked"),
    **dict.fromkeys("❌🚫🗑", "done"),
}
_SIGNS = frozenset("☐☑☒")
_DROPPED = frozenset("❌🚫🗑")
_CLASS = "".join(_EMOJI)
_EMOJI_ITEM = re.compile(
    rf"(?P<lead>[ \t]*(?:[-*+]|[0-9]{{1,9}}[.)])[ \t]+)(?P<mark>[{_CLASS}])\ufe0f?[ \t]+(?P<text>\S.*)", re.DOTALL
)
_EMOJI_TAIL = re.compile(
    rf"[ \t]*(?:[-*+]|[0-9]{{1,9}}[.)])[ \t]+(?P<text>\S[^\n]{{0,500}}?)[ \t—–:-]+(?P<mark>[{_CLASS}])\ufe0f?[ \t]*\Z"
)
_EMOJI_CELL = re.compile(rf"\|[ \t]*[{_CLASS}]")
_LEGEND = re.compile(r"`?\[(.?)\]`?[ \t]*(?:[=:–—-]|->|→)?[ \t]*\**([^\W\d_][^\W\d_ -]*(?:[ -][^\W\d_]+)?)")
_LEGEND_WORDS = re.compile(
    r"(?:not[ -]started|todo|to[ -]do|pending|planned|open|in[ -]progress|wip|doing|started|done|completed?|finished|blocked|"
    r"cancell?ed|skipped|deferred|on[ -]hold|n/?a)\.?\Z",
    re.IGNORECASE,
)
_BOXES: dict[str, FileStatus] = {"": "todo", "x": "done", "X": "done", **dict.fromkeys("✓✔✅☑", "done")}
_BOXES |= {
    "~": "in_progress",
    "/": "in_progress",
    "*": "in_progress",
    "!": "blocked",
    "?": "blocked",
    ">": "todo",
    "-": "in_progress",
}


class Heading:
    """A heading with what is said right below it. ``says`` holds labels: goal, priority, effort, needs, context."""

    __slots__ = ("files", "level", "line", "parent", "says", "text", "title")

    def __init__(self, level: int, title: str, line: int, parent: Heading | None) -> None:
        self.level, self.title, self.line, self.parent = level, title, line, parent
        self.says: dict[str, list[tuple[int, str]]] = {}
        self.files: tuple[str, ...] = ()
        self.text: list[str] = []

    def chain(self) -> list[Heading]:
        """From the outermost heading to this one."""
        found: list[Heading] = []
        node: Heading | None = self
        while node:
            found.append(node)
            node = node.parent
        return found[::-1]


class Item:
    """A box (or an emoji in the place of one) and what belongs to it. ``at`` and ``until`` span what stands for the status."""

    __slots__ = ("at", "body", "boxes", "emoji", "files", "heading", "indent", "line", "mark", "says", "text", "until")

    def __init__(self, line: int, at: int, until: int, mark: str, text: str, indent: int, heading: Heading) -> None:
        self.line, self.at, self.until, self.mark, self.text = line, at, until, mark, text
        self.indent, self.heading = indent, heading
        self.emoji = False
        self.boxes: list[Item] = []
        self.body: list[str] = []
        self.says: dict[str, list[tuple[int, str]]] = {}
        self.files = heading.files

    def status(self, legend: dict[str, FileStatus]) -> FileStatus:
        if self.emoji:
            return _EMOJI[self.mark]
        return legend.get(self.mark) or _BOXES[self.mark]

    def dropped(self) -> bool:
        """Struck out or crossed out: not to be done any more."""
        return (self.emoji and self.mark in _DROPPED) or (self.text.startswith("~~") and self.text.rstrip(" .").endswith("~~"))


class RoadmapScan:
    """A roadmap taken apart. ``items`` are the tasks, ``plain`` lines of lists without boxes by heading, ``rows`` of tables."""

    def __init__(self, lines: list[str], report: Report) -> None:
        self.raw, self.report = lines, report
        masked = mask(lines, report)
        self.view, self.hidden = masked.view, masked.hidden
        self.items: list[Item] = []
        self.headings: list[Heading] = []
        self.plain: dict[Heading, int] = {}
        self.rows: list[int] = []
        self.emoji_lines: list[int] = []
        self.legend: dict[str, FileStatus] = {}
        self.boxed = any("[" in line and BOX.match(line) for line in self.view) or any(
            line.lstrip(" ").startswith("#") and self.in_heading(line) for line in self.view
        )
        self.here = Heading(0, "", -1, None)
        self.open: list[Item] = []
        self.after_blank = True
        self.count = 0
        for n, line in enumerate(self.view):
            self.take(n, line)
            if max(self.count, len(self.headings)) > MAX_ITEMS:
                report.add("too-large", f"more than {MAX_ITEMS:,} boxes or headings", n, hint="is this the right file? Split it")
                self.items = []
                break

    @staticmethod
    def in_heading(line: str) -> re.Match[str] | None:
        match = _HEADING.match(line)
        return BOX.match(match[2]) if match else None

    def take(self, n: int, line: str) -> None:
        if not line or line.isspace():
            if self.hidden[n] == FENCE and self.open:
                self.open[0].body.append(self.raw[n])
            elif self.hidden[n] != FRONT and self.open:
                self.open[0].body.append("")
            self.after_blank = self.hidden[n] != FENCE
            return
        heading = _HEADING.match(line) if line.lstrip(" ")[:1] == "#" else None
        if heading:
            self.head(n, len(heading[1]), heading[2].strip().rstrip("#").strip())
        elif not (self.box(n, line) or self.label(n, line)):
            self.other(n, line)
        self.after_blank = False

    def head(self, n: int, level: int, title: str) -> None:
        box = BOX.match(title)
        parent: Heading | None = self.here
        while parent and parent.level >= level:
            parent = parent.parent
        self.open = []
        self.here = Heading(level, box["text"].strip() if box else title, n, parent)
        self.headings.append(self.here)
        if box and box["text"].strip():
            at = self.view[n].index("[") + 1
            above = parent or Heading(0, "", -1, None)
            self.add(Item(n, at, at + len(box["in"]), box["in"].strip(" \t\xa0\ufe0f"), box["text"].strip(), -1, above))

    def box(self, n: int, line: str) -> bool:
        """A line with a box, or with an emoji where a box would be."""
        match = BOX.match(line) if "[" in line else None
        if match:
            mark, text = match["in"].strip(" \t\xa0\ufe0f"), match["text"].strip()
            if (
                not text
                or (not match["lead"].strip() and self.open and not self.after_blank and mark == "")
                or self.is_legend(text, mark)
            ):
                return bool(text)
            at, until = match.span("in")
            self.add(Item(n, at, until, mark, text, _width(line), self.here))
            return True
        match = (_EMOJI_ITEM.match(line) or _EMOJI_TAIL.match(line)) if not line.isascii() else None
        if match:
            self.emoji_lines.append(n)
            if not self.boxed and not _LEGEND_WORDS.match(match["text"].strip()):
                at, until = match.span("mark")
                item = Item(n, at, until, match["mark"], match["text"].strip(), _width(line), self.here)
                item.emoji = True
                self.add(item)
                return True
        return False

    def is_legend(self, text: str, mark: str) -> bool:
        """Whether the line only explains what a box means."""
        if not _LEGEND_WORDS.match(text.strip(" *_`")):
            return False
        self.explain(mark, text)
        return True

    def explain(self, mark: str, word: str) -> None:
        meaning = _meaning(word)
        if meaning:
            self.legend.setdefault(mark, meaning)

    def add(self, item: Item) -> None:
        self.count += 1
        while self.open and self.open[-1].indent >= item.indent:
            self.open.pop()
        if self.open:
            self.open[0].boxes.append(item)
        else:
            self.items.append(item)
        self.open.append(item)

    def label(self, n: int, line: str) -> bool:
        """A line such as ``> **Goal**: ...``: of the item it is indented below, else of the heading."""
        match = _LABEL.match(line) if ":" in line and len(line) < _LONG else None
        if not match:
            return False
        kind = _LABELS.get(match[1].lower(), match[1].lower())
        owner: Item | Heading = self.here
        if self.open and _width(line) > self.open[0].indent:
            owner = self.open[0]
        elif self.open:
            self.open = []
        value = match[2].strip()
        if kind == "files":
            owner.files = tuple(re.findall(r"`([^`\n]{1,200})`", value)) or tuple(
                part.strip() for part in value.split(",") if part.strip()
            )
        owner.says.setdefault(kind, []).append((n, value))
        (owner.body if isinstance(owner, Item) else owner.text).append(line.strip())
        return True

    def other(self, n: int, line: str) -> None:
        if _ROW.match(line):
            self.rows.append(n)
        bullet = _BULLET.match(line)
        rule = len(line) < _LONG and _RULE.match(line) is not None
        if "[" in line and not self.open and len(line) < _LONG:
            for mark, word in _LEGEND.findall(line):
                self.explain(mark.strip(), word)
        if self.open:
            deep = _width(line) > self.open[0].indent
            runs_on = not self.after_blank and not bullet and not _ROW.match(line) and not rule and line[:1] != "*"
            if deep or runs_on:
                (self.open[-1] if deep and len(self.open) > 1 else self.open[0]).body.append(line.rstrip())
                return
            self.open = []
        if bullet:
            self.plain[self.here] = self.plain.get(self.here, 0) + 1
        if not rule:
            self.here.text.append(line.rstrip())

    def odd(self) -> list[int]:
        """Boxes in cells of tables, and signs like a box that stand in no list."""
        return [n for n, line in enumerate(self.view) if line.lstrip(" \t")[:1] in _SIGNS or ("[" in line and in_table(line))]

    def table_rows(self) -> list[int]:
        """Rows of tables that say how something stands."""
        return [n for n in self.rows if _EMOJI_CELL.search(self.view[n])]


def _meaning(word: str) -> FileStatus | None:
    word = word.lower()
    for part, status in _MEANINGS:
        if part in word:
            return status
    return None


_MEANINGS: tuple[tuple[str, FileStatus], ...] = (
    ("not start", "todo"), ("todo", "todo"), ("to do", "todo"), ("to-do", "todo"), ("open", "todo"), ("pending", "todo"),
    ("planned", "todo"), ("progress", "in_progress"), ("wip", "in_progress"), ("doing", "in_progress"), ("started", "in_progress"),
    ("partial", "in_progress"), ("done", "done"), ("complete", "done"), ("finished", "done"), ("cancel", "done"), ("skip", "done"),
    ("block", "blocked"), ("hold", "blocked"),
)  # fmt: skip


def _width(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4))
