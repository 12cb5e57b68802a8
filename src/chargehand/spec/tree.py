"""JSON and YAML as trees that know where everything stands, so that one value can be told of, or changed, and nothing else."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

MAX_DEPTH = 40
MAX_NODES = 400_000
MAX_TEXT = 16_000_000
"""Characters. A larger one is no spec but data."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_NEWLINE = re.compile(r"\n")


class Places:
    """Where the offsets of a text are. ``offset`` and ``line`` are added: for a text cut out of another (one line of JSONL)."""

    __slots__ = ("line", "offset", "starts")

    def __init__(self, text: str, offset: int = 0, line: int = 0) -> None:
        self.offset, self.line = offset, line
        ends = (_LINE_END if "\r" in text else _NEWLINE).finditer(text)  # the one is ten times as fast as the other
        self.starts = [0, *[match.end() for match in ends]]

    def of(self, at: int) -> tuple[int, int]:
        """Line (from 0) and column (from 1) of an offset in this text."""
        row = bisect_right(self.starts, at) - 1
        return self.line + row, at - self.starts[row] + 1


class Node(Struct, gc=False, eq=False):
    """A value in a text. ``value`` is a scalar, a list of nodes, or a dict of nodes by key.

    ``start`` and ``end`` are offsets in the text (quotes and brackets belong to it); ``line`` counts from 0, ``column`` from 1, as
    ``Report.add`` takes them. ``raw`` is a number or boolean as it is written (an id 1.10 is not 1.1). ``key`` is the offset of
    its key, in a dict.
    """

    value: Any  # Scalar | list[Node] | dict[str, Node]
    start: int
    end: int
    places: Places
    raw: str = ""
    key: int = -1

    @property
    def line(self) -> int:
        return self.places.of(self.start - self.places.offset)[0]

    @property
    def column(self) -> int:
        return self.places.of(self.start - self.places.offset)[1]

    def named(self) -> Node:
        """Where the key of this entry of a dict stands."""
        return Node(None, self.key, self.key, self.places)

    def items(self) -> list[Node]:
        """The elements of a list; nothing if it is none."""
        return self.value if isinstance(self.value, list) else []

    def table(self) -> dict[str, Node]:
        """The entries of a mapping; nothing if it is none."""
        return self.value if isinstance(self.value, dict) else {}

    def get(self, *names: str) -> Node | None:
        """The entry of the first of these names that is there and not null."""
        if isinstance(self.value, dict):
            for name in names:
                node: Node | None = self.value.get(name)
                if node is not None and node.value is not None:
                    return node
        return None

    def text(self, *names: str) -> str:
        """The entry as text: a number as it is written, anything but a scalar as nothing. Without names: its own value."""
        node = self.get(*names) if names else self
        if node is None or node.value is None or isinstance(node.value, (list, dict)):
            return ""
        return node.value if isinstance(node.value, str) else node.raw

    def texts(self, *names: str) -> list[str]:
        """The entry as a list of texts: a list's scalars, or a single scalar."""
        node = self.get(*names) if names else self
        if node is None or node.value is None:
            return []
        if isinstance(node.value, list):
            return [item.text() for item in node.value if item.text()]
        return [node.text()] if node.text() else []

    def plain(self) -> Any:
        """The value without its places: what JSON would give. No deeper than ``MAX_DEPTH``, as all trees are."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {name: item.plain() for name, item in self.value.items()}
        return self.value

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the text."""
        ahead = [self]
        while ahead:
            node = ahead.pop()
            yield node
            children = node.items() or list(node.table().values())
            ahead.extend(reversed(children))


class Refused(Exception):
    """The text is not a tree we take. The report says why."""


def number(raw: str) -> int | float | None:
    """The number a text of digits means; None when it is beyond all measure."""
    if len(raw) > 40:
        return None
    if raw.lstrip("+-").isdecimal():
        return int(raw)
    value = float(raw)
    return value if abs(value) < 1e300 else None
