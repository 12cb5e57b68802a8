"""Where the tasks of a text are, and which lines belong to them. The parser and the write-back share this."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from chargehand.model.task import CheckItem, Span
from chargehand.spec.grammar import (
    BOLD_ID,
    BOX,
    HEADER,
    HEADING,
    ID,
    INNER_LABEL,
    LABEL,
    LABELS,
    META,
    PLAIN_LABEL,
    fold,
    header_fault,
    status_of,
)
from chargehand.spec.lines import FENCE, Masked, mask
from chargehand.spec.report import Report

FORM = "### TASK-001: Title"
META_FORM = "🟠 P1 | ⬜ TODO | Est: 2h"
MAX_BODY = 20_000  # lines of one task

_CONTINUED = re.compile(r"[ \t]*(?:[-*+][ \t]+|[0-9]+[.)][ \t]+)?\[?[^\W\d_][^\W_]*-[0-9]")
_GAPS = frozenset({"box", "empty", "verifies"})
_PLAIN_BOXES = ("- [ ] ", "- [x] ", "- [X] ")
_TRACES, _NEEDS, _BLOCKS, _TESTS = "**Traces to:**", "**Depends on:**", "**Blocks:**", "**Tests:**"
_USUAL = {form[:6]: form for form in (*_PLAIN_BOXES, _TRACES, _NEEDS, _BLOCKS, _TESTS, "**Checklist:**", "**Description:**")}
"""How nearly every line of a task that is neither blank nor text begins, by its first six characters."""
_BARE = frozenset({_TESTS, "**Checklist:**", "**Description:**"})
_BULLET = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+")
_LISTISH = frozenset(" \t-*+0123456789")
_LEAD = r"\W*(?:X\]\W*)?(?:[0-9]{1,9}[.)]\W*)?"
_STRICT = re.compile(_LEAD + r"([A-Z][A-Z0-9]*)-([0-9]+)(\w*)[^\w:]*(:?)")
_LOOSE = re.compile(_LEAD + r"TASK(?:[ _.#]{0,3}[0-9]|-[A-Z])[^:—–-]*([:—–-]?)")

Ref = tuple[int, int, str]
"""Line, offset in it, text."""


class Block(Struct, gc=False):
    """One task as it stands in the text, not yet judged. The column of a box is the offset of the character in its brackets."""

    id: str
    title: str
    line: int
    milestone: str
    meta: re.Match[str] | None = None
    meta_line: int = -1
    boxes: list[CheckItem] = []
    needs: list[tuple[int, int, str, bool]] = []
    blocks: list[Ref] = []
    traces: list[Ref] = []
    says: dict[str, list[Ref]] = {}
    text: list[str] = []


class Scan:
    """A text taken apart. ``defined`` holds the ids of its headers in order, ``count`` their number with repetitions."""

    def __init__(self, lines: list[str], report: Report) -> None:
        self.report = report
        self.raw = lines
        masked: Masked = mask(lines, report)
        self.view = masked.view
        self.hidden = masked.hidden
        marks = [n for n, line in enumerate(self.view) if "#" in line and line.lstrip(" \t>")[:1] == "#"]
        headers = {n: match for n in marks if (match := HEADER.match(self.view[n]))}
        self.count = len(headers)
        self.defined = dict.fromkeys(match[1] for match in headers.values())
        self.prefixes = {"TASK", *(task_id.partition("-")[0] for task_id in self.defined)}
        self.headers = headers
        self.strays: list[int] = []
        self.meta = cache(META.match)
        self.marks = marks

    def blocks(self) -> Iterator[Block]:
        """Every block in the order of the text. Reports what looks like a task and is none on the way."""
        milestone = ""
        start, current, excused = 0, None, False
        for n in [*self.marks, len(self.view)]:
            header = self.headers.get(n)
            level, faulty = (3, False) if header or n == len(self.view) else self.heading(n)
            if not level:
                continue
            if current and n - start > MAX_BODY:
                message = f"{current.id} has {n - start:,} lines: more than {MAX_BODY:,} are data, not a task"
                self.report.add(
                    "too-large", message, current.line, hint="is this the right file? Move the data to a file of its own"
                )
            elif current:
                yield _Body(self, current).read(start, n)
            elif not excused:
                self.stray(start, n)
            start, current, excused = n + 1, None, faulty
            if header:
                current = Block(header[1], _title(header[2]), n, milestone)
            elif level < 3:
                title = self.view[n].strip().lstrip("#").strip()
                milestone = title if level == 2 and title.startswith("Milestone") else ""
        if self.strays and self.count:
            count = "a checkbox stands" if len(self.strays) == 1 else f"{len(self.strays):,} checkboxes stand"
            message = f"{count} outside of any task: nobody works on {'it' if len(self.strays) == 1 else 'them'}"
            hint = "move them below the header of a task, if work is meant"
            self.report.add("stray-box", message, self.strays[0], hint=hint, severity="warning")

    def heading(self, n: int) -> tuple[int, bool]:
        """The level of the heading on line ``n`` if it ends a task (else 0), and whether it is a task header gone wrong."""
        match = HEADING.match(self.view[n])
        if not match:
            return 0, False
        lead, marks, gap, text = match.groups()
        level = len(marks)
        if self.broken(n, lead, level, gap, text):
            return level, True
        plain = gap != "" and ">" not in lead and len(lead.expandtabs(4)) <= 3
        return (level, False) if plain and level <= 3 else (0, False)

    def broken(self, n: int, lead: str, level: int, gap: str, text: str) -> bool:
        """Report a heading that was meant as a task header. A heading that only mentions a task is left alone."""
        folded = fold(text)
        strict = _STRICT.match(folded)
        if strict and strict[1] in self.prefixes:
            task_id = f"{strict[1]}-{strict[2]}"
            if not strict[3] and task_id in self.defined and not (level == 3 and strict[4]):
                if level == 3 or strict[4]:
                    self.say(n, f"this heading repeats {task_id} and is not read as a task", "warning")
                return False
            self.say(n, header_fault(task_id, strict[3], strict[4], lead, level, gap, text, self.defined), "error")
            return True
        loose = _LOOSE.match(folded)
        if loose and (level == 3 or loose[1]):
            self.say(n, "this heading looks like a task, but its id is not of the form LETTERS-DIGITS", "error")
            return True
        return False

    def say(self, n: int, message: str, severity: str) -> None:
        line = self.view[n]
        column = len(line) - len(line.lstrip(" \t>")) + 1
        hint = f'write "{FORM}": three "#", an id in capitals and digits, a colon, a title'
        code = "task-header" if severity == "error" else "task-mention"
        self.report.add(code, message, n, column, hint=hint if severity == "error" else "", severity=severity)

    def stray(self, start: int, end: int) -> None:
        """Outside of any task: a meta line, needs or a bold task id there belong to a task that cannot be read."""
        for n in range(start, end):
            line = self.view[n]
            if "|" in line and (meta := META.match(line)) and status_of(meta["word"]):
                message = "a priority and status line outside of any task"
                self.report.add("task-meta", message, n, hint=f'put a header such as "{FORM}" above it, or fence it as an example')
            elif "[" in line and BOX.match(line) and not BOLD_ID.match(line):
                self.strays.append(n)
            elif "**" in line or "epends on" in line:
                self.stray_needs(n, line)
                self.bold(n, line)

    def stray_needs(self, n: int, line: str) -> None:
        match = PLAIN_LABEL.match(line)
        if match and any(task_id in self.defined for task_id in ID.findall(line, match.end())):
            message = "this stands outside of any task, so nothing waits for it"
            self.report.add(
                "stray-needs",
                message,
                n,
                hint='move it below the header of the task that waits; a heading with 1 to 3 "#" ends a task',
            )

    def bold(self, n: int, line: str) -> None:
        """Report a paragraph such as ``**TASK-007 - Title**`` that would be a task in another dialect."""
        match = BOLD_ID.match(line)
        if match and (task_id := fold(match[1])) not in self.defined and task_id.partition("-")[0] in self.prefixes and self.count:
            message = f"{task_id} looks like a task, but not in the format: it is bold text, not a heading"
            self.report.add("task-header", message, n, match.start(1) + 1, hint=f'write "{FORM}"')


class _Body:
    """Reads the lines of one task."""

    __slots__ = ("block", "longer", "open", "scan", "test")

    def __init__(self, scan: Scan, block: Block) -> None:
        self.scan = scan
        self.block = block
        self.longer: dict[int, int] = {}  # checkboxes of several lines, by their number in the task, and the last of these lines
        self.test = False
        self.open = (
            ""  # what goes on: a "box", "verifies", or a list of needs: "empty" so far, "bullets" below it, "line" after line
        )

    def read(self, start: int, end: int) -> Block:
        block, hidden = self.block, self.scan.hidden
        text, boxes, usual_of = block.text, block.boxes, _USUAL.get
        for n, line in enumerate(self.scan.view[start:end], start):
            usual = usual_of(line[:6]) if line else ""
            if usual is None and not line.isspace():
                self.other(n, line)
            elif not usual:
                if hidden[n] == FENCE:
                    self.fenced(n)
                elif self.open != "box" and text and text[-1]:  # of empty lines one is enough
                    text.append("")
                if self.open and self.open not in _GAPS:
                    self.open = ""
            elif usual in _PLAIN_BOXES:  # the same as ``listish``, in a third of the time
                boxes.append(CheckItem(line[6:].strip(), usual != "- [ ] ", Span(n + 1, 3), self.test))
                self.open = "box"
            elif line in _BARE:  # the same as ``plain_label``
                self.open = ""
                self.test = line == _TESTS
                if not self.test:
                    text.append("")
            elif line.startswith(usual) and "**" not in (value := line[len(usual) :]):
                self.plain_label(n, usual, value)
            else:
                self.other(n, line)
        for number, last in self.longer.items():
            boxes[number] = self.whole(boxes[number], last)
        return block

    def fenced(self, n: int) -> None:
        """A line of a code fence belongs to what stands above it."""
        if self.open == "box":
            self.longer[len(self.block.boxes) - 1] = n
        else:
            self.block.text.append(self.scan.raw[n])

    def whole(self, box: CheckItem, last: int) -> CheckItem:
        """The checkbox with the lines that continue it."""
        scan = self.scan
        more = [scan.raw[n] if scan.hidden[n] == FENCE else scan.view[n].rstrip() for n in range(box.span.line, last + 1)]
        return replace(box, text="\n".join([box.text, *more]).rstrip())

    def plain_label(self, n: int, label: str, value: str) -> None:
        """One of the labels nearly every task has, alone on its line. The same as ``label``, in a third of the time."""
        block = self.block
        self.test = label == _TESTS
        self.open = ""
        if label == _TRACES:
            block.traces.append((n, len(label), value))
        elif label == _NEEDS:
            block.needs.append((n, len(label), value, False))
            self.open = "line" if value.strip() else "empty"
        elif label == _BLOCKS:
            block.blocks.append((n, len(label), value))
        elif not self.test:
            block.text.append(value.strip())
        elif value:
            block.text.append(label + value)

    def other(self, n: int, line: str) -> None:
        """A line in none of the usual forms."""
        if line[0] in _LISTISH and self.listish(n, line):
            return
        if "|" in line and self.meta(n, line):
            self.open = ""
        elif "**" in line or "epends on" in line or "locked by" in line:
            self.label(n, line)
        elif not (self.open and self.more(n, line)):
            self.plain(line)

    def listish(self, n: int, line: str) -> bool:
        """A checkbox, or a line that continues one. False when the line is something else."""
        match = BOX.match(line) if "[" in line else None
        if match:
            self.block.boxes.append(CheckItem(match[2].rstrip(), match[1] != " ", Span(n + 1, match.start(1)), self.test))
            self.open = "box"
            return True
        if self.open == "verifies" and (bullet := _BULLET.match(line)):
            self.block.says["verifies"].append((n, bullet.end(), line[bullet.end() :]))
            return True
        if self.open == "box" and line[0] in " \t":
            if LABEL.match(line) and self.known(line):
                return False
            self.longer[len(self.block.boxes) - 1] = n
            return True
        return False

    @staticmethod
    def known(line: str) -> bool:
        match = LABEL.match(line)
        return match is not None and match[1].strip().lower() in LABELS

    def meta(self, n: int, line: str) -> bool:
        match = self.scan.meta(line)
        if not match:
            return False
        block = self.block
        if block.meta is None:
            block.meta = match
            block.meta_line = n
            rest = match.end()
            if "epend" in line and (inner := PLAIN_LABEL.search(line, rest)):
                block.needs.append((n, inner.end(), line[inner.end() :], False))
            return True
        if not status_of(match["word"]):
            return False
        message = f"{block.id} has a second priority and status line (the first is line {block.meta_line + 1})"
        self.scan.report.add("task-meta", message, n, hint="keep one")
        return True

    def label(self, n: int, line: str) -> None:
        end = line.find(":**", 2, 64) if line.startswith("**") else -1
        name = line[2:end].lower() if end > 0 else "*"
        if "*" in name:
            self.odd_label(n, line)
        else:
            self.open = ""
            kind = LABELS.get(name, "")
            self.test = not kind and name.startswith("test")
            self.refs(n, end + 3, line[end + 3 :], kind, line)

    def odd_label(self, n: int, line: str) -> None:
        """A label in one of its rarer forms, or none at all."""
        match = LABEL.match(line)
        kind = LABELS.get(match[1].strip().lower(), "") if match else ""
        if not kind and (plain := PLAIN_LABEL.match(line)):
            match, kind = plain, "needs"
        if match:
            self.open = ""
            self.test = not kind and match[1].lower().startswith("test")
            self.refs(n, match.end(), line[match.end() :], kind, line)
        elif not (self.open and self.more(n, line)):
            if line.startswith("**"):  # a section of the task, if only by its looks: **Tests**
                self.test = line[2:6].lower() == "test"
            self.scan.bold(n, line)
            self.plain(line)

    def refs(self, n: int, offset: int, value: str, kind: str, line: str) -> None:
        """File what stands behind a label. A second label on the same line is honoured."""
        if "**" in value and (inner := INNER_LABEL.search(value)):
            self.refs(n, offset + inner.end(), value[inner.end() :], LABELS[inner[1].lower()], "")
            value = value[: inner.start()].rstrip(" \t·|;,")
        block = self.block
        if kind in {"needs", "loose"}:
            block.needs.append((n, offset, value, kind == "loose"))
            self.open = "line" if value.strip() else "empty"
        elif kind == "blocks":
            block.blocks.append((n, offset, value))
        elif kind == "traces":
            block.traces.append((n, offset, value))
        elif kind in {"mode", "verifies", "scenarios", "touches", "waiver", "control"}:
            self.said(n, offset, value, kind, line)
        elif kind:
            block.text.append(value.strip())
        elif line and (value or not self.test):
            block.text.append(line)

    def said(self, n: int, offset: int, value: str, kind: str, line: str) -> None:
        """One of the labels few tasks have. A mode in several words is prose."""
        block = self.block
        if kind == "mode" and len(value.split()) != 1:
            block.text.append(line)
            return
        block.says.setdefault(kind, []).append((n, offset, value))
        if kind == "verifies" and not value.strip():
            self.open = kind

    def more(self, n: int, line: str) -> bool:
        """Whether the line carries on the list of needs above it."""
        if self.open in {"box", "verifies"}:
            self.open = ""
            return False
        _, _, before, loose = self.block.needs[-1]
        bullet = _BULLET.match(line)
        if not (_CONTINUED.match(line) or before.rstrip().endswith(",") or (self.open != "line" and bullet)):
            self.open = ""
            return False
        offset = bullet.end() if bullet else 0
        self.block.needs.append((n, offset, line[offset:], loose))
        self.open = "bullets" if self.open != "line" and bullet else "line"
        return True

    def plain(self, line: str) -> None:
        self.open = ""
        self.block.text.append(line.rstrip())


def _title(text: str) -> str:
    """A header's title without the closing ``#`` that Markdown allows."""
    title = text.strip()
    if not title.endswith("#"):
        return title
    bare = title.rstrip("#")
    return bare.rstrip() if not bare or bare[-1] in " \t" else title
