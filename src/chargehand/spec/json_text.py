"""JSON, read with the place of every value. Nothing recurses, depth and size are bounded, a key twice is an error."""

from __future__ import annotations

import json
import re
from typing import Any

from chargehand.spec.report import Report
from chargehand.spec.tree import MAX_DEPTH, MAX_NODES, MAX_TEXT, Node, Places, Refused, number

_BLANK = r"[ \t\r\n\ufeff]*"
# possessive: the engine would else remember every escape of a string, in 200 MB for 10
_STRING = r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
_VALUE = rf"(?:({_STRING})|([{{\[])|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))"
_TEXT, _OPEN, _WORD = 2, 3, 5
_KEY = rf"({_STRING}){_BLANK}:{_BLANK}"
# what comes next in a list or an object: the first and the others; group 1 is the key, the others are the kinds of values
_ITEM, _ITEMS = (re.compile(rf"{_BLANK}{comma}(){_VALUE}") for comma in ("", rf",{_BLANK}"))
_MEMBER, _MEMBERS = (re.compile(rf"{_BLANK}{comma}{_KEY}{_VALUE}") for comma in ("", rf",{_BLANK}"))
_TOKEN = re.compile(rf"{_BLANK}(?:({_STRING})|([{{}}\[\]:,]))")
_WORDS = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(text: str, report: Report, offset: int = 0, line: int = 0) -> Node | None:
    """The value in ``text``; None when it is no JSON we take, with the reason in ``report``.

    ``offset`` and ``line`` are added to every place: for a text cut out of another (one line of JSONL).
    """
    reader = _Reader(text, report, offset, line)
    try:
        return reader.read()
    except Refused:
        return None


def json_string(value: str) -> str:
    """``value`` as JSON writes it, other scripts as they are."""
    return json.dumps(value, ensure_ascii=False)


class _Reader:
    def __init__(self, text: str, report: Report, offset: int, line: int) -> None:
        self.text, self.report, self.offset = text, report, offset
        self.places = Places(text if len(text) <= MAX_TEXT else "", offset, line)
        self.at = 0
        self.nodes = 0

    def read(self) -> Node:
        if len(self.text) > MAX_TEXT:
            size = f"{len(self.text) / 1e6:,.0f} MB"
            self.report.add("too-large", f"{size} are more than a spec in JSON may have", hint="is this the right file? Split it")
            raise Refused
        root = self.tree()
        rest = self.text[self.at :].lstrip(" \t\r\n")
        if rest:
            raise self.fail("something follows behind the end of the JSON value", len(self.text) - len(rest))
        return root

    def tree(self) -> Node:
        match = _ITEM.match(self.text)
        if match is None:
            raise self.why(None)
        root = self.value(match)
        open_ = [root] if match[_OPEN] else []
        while open_:
            holder = open_[-1]
            if isinstance(holder.value, dict):
                match = (_MEMBERS if holder.value else _MEMBER).match(self.text, self.at)
            else:
                match = (_ITEMS if holder.value else _ITEM).match(self.text, self.at)
            if match is None:
                if not self.closes(holder):
                    raise self.why(holder)
                open_.pop()
                continue
            node = self.put(holder, match)
            if match[_OPEN]:
                if len(open_) >= MAX_DEPTH:
                    raise self.fail(f"nested more than {MAX_DEPTH} deep", node.start - self.offset)
                open_.append(node)
        return root

    def put(self, holder: Node, match: re.Match[str]) -> Node:
        """The value that was found, now part of its list or object. Of a key that is there twice the first counts."""
        if not match[1]:
            node = self.value(match)
            holder.value.append(node)
            return node
        name = self.key(match, holder)
        node = self.value(match)
        node.key = self.offset + match.start(1)
        holder.value.setdefault(name, node)
        return node

    def closes(self, holder: Node) -> bool:
        """Whether the container ends here."""
        match = _TOKEN.match(self.text, self.at)
        if match is None or match[2] != ("}" if isinstance(holder.value, dict) else "]"):
            return False
        self.at = match.end()
        holder.end = self.offset + self.at
        return True

    def key(self, match: re.Match[str], holder: Node) -> str:
        raw, start = match[1], match.start(1)
        name = self.unescaped(raw, start) if "\\" in raw else raw[1:-1]
        if name in holder.value:
            self.say("duplicate-key", f'"{name[:60]}" is there twice', start, "keep one of them")
        return name

    def value(self, match: re.Match[str]) -> Node:
        kind = match.lastindex or 0
        start, end = match.span(kind)
        raw = match[kind]
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fail(f"more than {MAX_NODES:,} values: this is data, not a spec", start)
        self.at = end
        value: Any = raw[1:-1]
        if kind == _TEXT:
            value, raw = self.unescaped(raw, start) if "\\" in raw else value, ""
        elif kind == _OPEN:
            value, raw = {} if raw == "{" else [], ""
        elif kind == _WORD:
            value = _WORDS[raw]
        elif (value := number(raw)) is None:
            raise self.fail("this number is beyond all measure", start)
        return Node(value, self.offset + start, self.offset + end, self.places, raw)

    def unescaped(self, raw: str, start: int) -> str:
        """The string that is written so, its escapes resolved."""
        try:
            value: str = json.loads(raw)
        except ValueError:
            raise self.fail("this string has an escape JSON does not know", start) from None
        if _SURROGATE.search(value):
            raise self.fail("this string holds half a character (an escape for one half of a pair)", start)
        return value

    def why(self, holder: Node | None) -> Refused:
        """Say what is missing where no value could be read."""
        if holder is not None and holder.value:
            comma = _TOKEN.match(self.text, self.at)
            if comma is None or comma[2] != ",":
                return self.fail(f'"," or "{"}" if isinstance(holder.value, dict) else "]"}" is missing', self.at)
            self.at = comma.end()
        if holder is not None and isinstance(holder.value, dict):
            match = _TOKEN.match(self.text, self.at)
            if match is None or not match[1]:
                return self.fail("a key in double quotes is missing", self.at)
            self.key(match, holder)
            self.at = match.end()
            colon = _TOKEN.match(self.text, self.at)
            if colon is None or colon[2] != ":":
                return self.fail('":" is missing behind the key', self.at)
            self.at = colon.end()
        return self.fail("a value is missing", self.at)

    def say(self, code: str, message: str, at: int, hint: str) -> None:
        line, column = self.places.of(at)
        self.report.add(code, message, min(line, len(self.report.lines) - 1), column, hint=hint)

    def fail(self, message: str, at: int) -> Refused:
        """Say why the text cannot be read from ``at`` on."""
        rest = self.text[at:]
        at += len(rest) - len(rest.lstrip(" \t\r\n"))
        if not self.text.strip(" \t\r\n\ufeff"):
            self.report.add("empty", "the file is empty", hint="write the tasks to it, or name another file with --spec")
        else:
            self.say("json", message, min(at, len(self.text)), "correct the JSON; a JSON checker shows the same place")
        return Refused()
