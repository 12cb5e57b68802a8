"""YAML, read with the place of every value and without its traps.

No aliases, no tags, no key twice; bounded depth and size. A plain ``no``, ``on`` or ``1:30`` is text: only ``true`` and ``false``
are booleans, only plain decimal numbers are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chargehand.spec.report import Report
from chargehand.spec.tree import MAX_DEPTH, MAX_NODES, Node, Places, Refused, number

MAX_YAML = 4_000_000
"""Characters: YAML takes ten times as long to read as JSON."""

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
_WORDS = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_STRING = "tag:yaml.org,2002:str"


def read_yaml(text: str, report: Report, offset: int = 0, line: int = 0) -> Node | None:
    """The value in ``text``; None when it is no YAML we take, with the reason in ``report``. An empty text is a node of None.

    ``offset`` and ``line`` are added to every place: for front matter cut out of its file.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(text, report, offset, line)
    if len(text) > MAX_YAML:
        size = f"{len(text) / 1e6:,.0f} MB"
        report.add("too-large", f"{size} are more than a spec in YAML may have", hint="is this the right file? Split it")
        return None
    try:
        return builder.build(yaml.parse(text, Loader=loader))
    except Refused:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        builder.fault(
            "yaml", str(error.problem or error.context), mark, "correct the YAML: indentation (no tabs), quotes and colons"
        )
    except (yaml.YAMLError, UnicodeError) as error:
        builder.fault("yaml", f"not YAML: {str(error).splitlines()[0][:120]}", None, "is this the right file?")
    return None


class _Builder:
    def __init__(self, text: str, report: Report, offset: int, line: int) -> None:
        self.report, self.offset = report, offset
        self.places = Places(text[: MAX_YAML + 1], offset, line)
        self.nodes = 0

    def build(self, events: Iterator[Any]) -> Node:
        """The tree of the first document; there must be no second."""
        root: Node | None = None
        open_: list[tuple[Node, list[Node]]] = []  # containers, each with the key that waits for its value (if any)
        for event in events:
            kind = type(event).__name__
            if kind in {"SequenceEndEvent", "MappingEndEvent"}:
                node, _ = open_.pop()
                node.end = self.offset + event.end_mark.index
                continue
            if kind == "DocumentStartEvent" and root is not None:
                raise self.refuse("a second document begins", event.start_mark, "keep one; its text ends where --- stands")
            if kind not in {"ScalarEvent", "SequenceStartEvent", "MappingStartEvent", "AliasEvent"}:
                continue
            node = self.node(event, kind)
            if not open_:
                root = node
            else:
                self.put(node, *open_[-1])
            if kind != "ScalarEvent":
                if len(open_) >= MAX_DEPTH:
                    raise self.refuse(f"nested more than {MAX_DEPTH} deep", event.start_mark, "is this the right file?")
                open_.append((node, []))
        return root or Node(None, self.offset, self.offset, self.places)

    def put(self, node: Node, holder: Node, waiting: list[Node]) -> None:
        if isinstance(holder.value, list):
            holder.value.append(node)
        elif not waiting:
            if isinstance(node.value, (list, dict)):
                raise self.refuse("a key is a text, not a list or a table", None, "", node)
            waiting.append(node)
        elif isinstance(holder.value, dict):
            key = waiting.pop()
            name = key.text() or key.raw
            if name in holder.value:
                self.say("duplicate-key", f'"{name[:60]}" is there twice', key.line, key.column, "keep one of them")
            else:
                holder.value[name] = node
                node.key = key.start

    def node(self, event: Any, kind: str) -> Node:
        start, end = event.start_mark, event.end_mark
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refuse(f"more than {MAX_NODES:,} values: this is data, not a spec", start, "")
        if kind == "AliasEvent":
            raise self.refuse("an alias (*) stands here: they are not taken", start, "write out what it stands for")
        if event.tag not in {None, "!", _STRING}:
            raise self.refuse(f"the tag {event.tag[:60]} is not taken", start, "leave the tag out")
        place = (self.offset + start.index, self.offset + end.index, self.places)
        if kind == "MappingStartEvent":
            return Node({}, *place)
        if kind == "SequenceStartEvent":
            return Node([], *place)
        raw: str = event.value
        return Node(raw if event.style or event.tag else _plain(raw), *place, raw)

    def refuse(self, message: str, mark: Any, hint: str, node: Node | None = None) -> Refused:
        if node:
            self.say("yaml", message, node.line, node.column, hint)
        else:
            self.fault("yaml", message, mark, hint)
        return Refused()

    def fault(self, code: str, message: str, mark: Any, hint: str) -> None:
        if mark is None:
            self.report.add(code, message, hint=hint)
        else:
            self.say(code, message, *self.places.of(mark.index), hint)

    def say(self, code: str, message: str, line: int, column: int, hint: str) -> None:
        self.report.add(code, message, min(line, len(self.report.lines) - 1), column, hint=hint)


def _plain(raw: str) -> str | float | bool | None:
    if raw in _WORDS:
        return None
    if raw in _TRUTH:
        return _TRUTH[raw]
    found = number(raw) if _NUMBER.match(raw) else None
    return raw if found is None else found
