"""Text to lines, and which of them Markdown hides: front matter, code fences, comments.

A line ends with LF, CRLF or CR and with nothing else: form feeds and U+2028 belong to the text, as in every editor.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property
from typing import NamedTuple

from chargehand.spec.report import Report

BOM = "\ufeff"
VISIBLE, FENCE, COMMENT, FRONT = range(4)

_END = re.compile(r"(\r\n|\r|\n)")
_FENCE = re.compile(r"((?:[ \t]*(?:[-*+]|[0-9]{1,9}[.)])(?=[ \t]))*[ \t]*)(`{3,}|~{3,})(.*)", re.DOTALL)
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_QUOTED = re.compile(r"[ \t]*(?:>[ \t]*)+[-*][ \t]+\[[ xX]\][ \t]+\S")
_TASK_LIKE = re.compile(r"[ \t]*#{2,4}[ \t]*[A-Z][A-Z0-9]*-[0-9]")
_LOOK_BACK = 60


class Masked(NamedTuple):
    """``view`` holds the lines as a reader of the rendered text sees them: hidden ones are empty, comments are blanked out.

    ``hidden`` says per line why it is empty. Both have one entry per line of the text, so that places stay true.
    """

    view: list[str]
    hidden: bytearray


def cut(text: str) -> list[str]:
    """The lines without their ends and without a byte order mark."""
    text = text.removeprefix(BOM)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def cut_with_ends(text: str) -> tuple[str, list[str], list[str]]:
    """The byte order mark, the lines and their ends; put together again they are the text, to the character."""
    bom = BOM if text.startswith(BOM) else ""
    parts = _END.split(text[len(bom) :])
    return bom, parts[::2], [*parts[1::2], ""]


def mask(lines: list[str], report: Report) -> Masked:
    """Hide what is not part of the document's own structure. Reports fences and comments that are never closed."""
    return _Mask(lines, report).run()


class _Mask:
    """``spots`` are the lines where a fence, a comment or a quotation may begin, ``ends`` those where a comment may end."""

    def __init__(self, lines: list[str], report: Report) -> None:
        self.lines = lines
        self.report = report
        self.view = list(lines)
        self.hidden = bytearray(len(lines))
        self.spots = _with(lines, "```", "~~~", "<!--", ">")

    @cached_property
    def ends(self) -> list[int]:
        return [n for n, line in enumerate(self.lines) if "-->" in line]

    def run(self) -> Masked:
        at = _front_matter(self.lines)
        self.hide(0, at, FRONT)
        while (index := bisect_left(self.spots, at)) < len(self.spots):
            spot = self.spots[index]
            fence = self.opened(spot)
            at = self.fence(index, *fence) if fence else self.comments(spot)
        self.quoted()
        return Masked(self.view, self.hidden)

    def quoted(self) -> None:
        """Tell of checkboxes in quotations: no format reads them."""
        found = [n for n in self.spots if _QUOTED.match(self.view[n])]
        if found:
            count = "a checkbox stands" if len(found) == 1 else f"{len(found):,} checkboxes stand"
            message = f"{count} in a quotation, and {'is' if len(found) == 1 else 'are'} not read"
            self.report.add("quoted-box", message, found[0], hint='take the ">" away, if work is meant', severity="warning")

    def hide(self, start: int, end: int, why: int) -> None:
        for n in range(start, end):
            self.view[n] = ""
            self.hidden[n] = why

    def opened(self, n: int) -> tuple[str, int] | None:
        """The mark and the indentation of a fence that opens on line ``n``."""
        match = _FENCE.match(self.view[n])
        if not match or (match[2][0] == "`" and "`" in match[3]):
            return None
        width = _width(match[1])
        nested = match[1].strip(" \t") != "" or width <= 3 or self.in_item(n, width)
        return (match[2], width) if nested else None

    def in_item(self, n: int, width: int) -> bool:
        """Whether a line indented so far continues a list item (it would be an indented code block otherwise)."""
        for before in range(n - 1, max(-1, n - _LOOK_BACK), -1):
            line = self.view[before]
            if not line.strip() or _width(line[: len(line) - len(line.lstrip(" \t"))]) >= width:
                continue
            item = _ITEM.match(line)
            if item:
                return _width(item[0]) <= width <= _width(item[0]) + 3
            if not line[0].isspace():
                return False
        return False

    def fence(self, index: int, mark: str, width: int) -> int:
        """Hide the fence opened on ``spots[index]``; returns the first line behind it."""
        start = self.spots[index]
        for k in range(index + 1, len(self.spots)):
            line = self.lines[self.spots[k]]
            body = line.strip(" \t")
            closes = body.startswith(mark) and not body.strip(mark[0])
            if closes and _width(line[: len(line) - len(line.lstrip(" \t"))]) <= width + 3:
                self.hide(start, self.spots[k] + 1, FENCE)
                return self.spots[k] + 1
        hides = any(_TASK_LIKE.match(line) for line in self.lines[start:])
        self.report.add(
            "unclosed-fence",
            "this code fence is never closed" + (": the tasks below it cannot be read" if hides else ""),
            start,
            len(self.lines[start]) - len(self.lines[start].lstrip(" \t")) + 1,
            hint=f"close it with a line holding only {mark}",
            severity="error" if hides else "warning",
        )
        self.hide(start, len(self.lines), FENCE)
        return len(self.lines)

    def comments(self, n: int) -> int:
        """Blank the comments that begin on line ``n``; returns the line to go on with."""
        at = 0
        while (start := self.view[n].find("<!--", at)) >= 0:
            line = self.view[n]
            end = line.find("-->", start + 2)
            if line.count("`", 0, start) % 2:
                at = start + 4
            elif end >= 0:
                at = end + 3
                self.view[n] = line[:start] + " " * (at - start) + line[at:]
            else:
                return self.long_comment(n, start)
        return n + 1

    def long_comment(self, n: int, start: int) -> int:
        """A comment that does not end on its line: to its end if it begins the line, else to the end of its paragraph at most."""
        index = bisect_left(self.ends, n + 1)
        end = self.ends[index] if index < len(self.ends) else None
        if self.view[n][:start].strip():
            return self.inline_comment(n, start, end)
        if end is None:
            self.report.add(
                "unclosed-comment", "this comment is never closed: all below it is hidden", n, start + 1, hint="end it with -->"
            )
            self.hide(n, len(self.lines), COMMENT)
            return len(self.lines)
        self.blank(n, start, end)
        return end

    def inline_comment(self, n: int, start: int, end: int | None) -> int:
        if end is None or any(
            not line.strip() or _HEADING.match(line) for line in self.lines[n + 1 : min(end + 1, n + _LOOK_BACK)]
        ):
            return n + 1
        self.blank(n, start, end)
        return end

    def blank(self, n: int, start: int, end: int) -> None:
        self.view[n] = self.view[n][:start]
        self.hide(n + 1, end, COMMENT)
        if not self.view[n].strip():
            self.hidden[n] = COMMENT
        stop = self.lines[end].index("-->") + 3
        self.view[end] = " " * stop + self.lines[end][stop:]


def _with(lines: list[str], *signs: str) -> list[int]:
    """The lines that hold one of these signs: searched for in the text as a whole, which is many times as fast as line by line."""
    text = "\n".join(lines)
    found: set[int] = set()
    for sign in signs:
        at = line = 0
        while (spot := text.find(sign, at)) >= 0:
            line += text.count("\n", at, spot)
            found.add(line)
            at = spot + len(sign)
    return sorted(found)


def _front_matter(lines: list[str]) -> int:
    """Number of lines of front matter: YAML, or TOML between ``+++``. A ``---`` that only draws a rule above headings is none."""
    mark = lines[0].rstrip()
    if mark not in {"---", "+++"}:
        return 0
    for n in range(1, len(lines)):
        line = lines[n].rstrip()
        if line == mark or (line == "..." and mark == "---"):
            return n + 1
        if line.startswith("##"):
            return 0
    return 0


def _width(blank: str) -> int:
    return len(blank.expandtabs(4))
