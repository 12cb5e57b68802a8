"""JSON, read with the place of every value. Nothing recurses, depth and size are bounded, a key twice is an error."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from chargehand.spec.report import Report
from chargehand.spec.tree import MAX_DEPTH, MAX_NODES, MAX_TEXT, Node, Refused, number

_TOKEN = re.compile(
    r"""[ \t\r\n\ufeff]*(?:
    (?P<string>"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*")
    |(?P<mark>[{}\[\]:,])
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<word>true|false|null))""",
    re.VERBOSE,
)
_WORDS = {"true": True, "false": False, "null": None}
_LINE_END = re.compile(r"\r\n|\r|\n")
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
    """``open`` are the containers around the current place, ``keys`` the key each of them waits for a value of."""

    def __init__(self, text: str, report: Report, offset: int, line: int) -> None:
        self.text, self.report, self.offset, self.first = text, report, offset, line
        self.lines = [0, *(match.end() for match in _LINE_END.finditer(text))] if len(text) <= MAX_TEXT else [0]
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
        root: Node | None = None
        open_: list[tuple[Node, Node | None]] = []  # each container with the key that waits for its value
        while True:
            holder = open_[-1][0] if open_ else None
            if holder is not None and self.closes(holder):
                open_.pop()
                if not open_:
                    return holder
                continue
            key = self.key(holder) if holder is not None and isinstance(holder.value, dict) else None
            node = self.value()
            if holder is None:
                root = node
            elif isinstance(holder.value, list):
                holder.value.append(node)
            elif isinstance(holder.value, dict) and key is not None:
                name = str(key.value)
                if name not in holder.value:
                    holder.value[name], holder.keys[name] = node, key
            if isinstance(node.value, (list, dict)):
                if len(open_) >= MAX_DEPTH:
                    raise self.fail(f"nested more than {MAX_DEPTH} deep", node.start - self.offset)
                open_.append((node, key))
            elif not open_:
                assert root is not None
                return root

    def closes(self, holder: Node) -> bool:
        """Whether the container ends here. Otherwise the comma before its next entry is passed over."""
        kind = "]" if isinstance(holder.value, list) else "}"
        match = _TOKEN.match(self.text, self.at)
        if match and match["mark"] == kind:
            self.at = match.end()
            holder.end = self.offset + self.at
            return True
        if holder.value:
            if not match or match["mark"] != ",":
                raise self.fail(f'"," or "{kind}" is missing', self.at)
            self.at = match.end()
        return False

    def key(self, holder: Node) -> Node:
        match = _TOKEN.match(self.text, self.at)
        if not match or not match["string"]:
            raise self.fail("a key in double quotes is missing", self.at)
        key = self.string(match)
        if key.value in holder.table():
            self.say("duplicate-key", f'"{str(key.value)[:60]}" is there twice', match.start("string"), "keep one of them")
        self.at = match.end()
        colon = _TOKEN.match(self.text, self.at)
        if not colon or colon["mark"] != ":":
            raise self.fail('":" is missing behind the key', self.at)
        self.at = colon.end()
        return key

    def value(self) -> Node:
        match = _TOKEN.match(self.text, self.at)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fail(f"more than {MAX_NODES:,} values: this is data, not a spec", self.at)
        if not match:
            raise self.fail("a value is missing", self.at)
        self.at = match.end()
        if match["string"]:
            return self.string(match)
        if match["word"]:
            return self.node(_WORDS[match["word"]], match.start("word"), match.end(), match["word"])
        if match["number"]:
            found = number(match["number"])
            if found is None:
                raise self.fail("this number is beyond all measure", match.start("number"))
            return self.node(found, match.start("number"), match.end(), match["number"])
        if match["mark"] == "{":
            node = self.node({}, match.start("mark"), match.end())
            node.keys = {}
            return node
        if match["mark"] == "[":
            return self.node([], match.start("mark"), match.end())
        raise self.fail("a value is missing", match.start("mark"))

    def string(self, match: re.Match[str]) -> Node:
        raw = match["string"]
        value = raw[1:-1]
        if "\\" in raw:
            try:
                value = json.loads(raw)
            except ValueError:
                raise self.fail("this string has an escape JSON does not know", match.start("string")) from None
            if _SURROGATE.search(value):
                raise self.fail("this string holds half a character (an escape for one half of a pair)", match.start("string"))
        return self.node(value, match.start("string"), match.end())

    def node(self, value: str | float | bool | list[Node] | dict[str, Node] | None, start: int, end: int, raw: str = "") -> Node:
        row = bisect_right(self.lines, start) - 1
        return Node(value, self.offset + start, self.offset + end, self.first + row, start - self.lines[row] + 1, raw)

    def say(self, code: str, message: str, at: int, hint: str) -> None:
        row = bisect_right(self.lines, at) - 1
        line = min(self.first + row, len(self.report.lines) - 1)
        self.report.add(code, message, line, at - self.lines[row] + 1, hint=hint)

    def fail(self, message: str, at: int) -> Refused:
        """Say why the text cannot be read from ``at`` on."""
        rest = self.text[at:]
        at += len(rest) - len(rest.lstrip(" \t\r\n"))
        if not self.text.strip(" \t\r\n\ufeff"):
            self.report.add("empty", "the file is empty", hint="write the tasks to it, or name another file with --spec")
        else:
            self.say("json", message, min(at, len(self.text)), "correct the JSON; a JSON checker shows the same place")
        return Refused()
