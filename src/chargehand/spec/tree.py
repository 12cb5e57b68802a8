"""JSON and YAML as trees that know where everything stands, so that one value can be told of, or changed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 40
MAX_NODES = 400_000
MAX_TEXT = 16_000_000
"""Characters. A larger one is no spec but data."""

Scalar = str | int | float | bool | None

_NO_KEYS: dict[str, Node] = {}


class Node:
    """A value in a text. ``value`` is a scalar, a list of nodes, or a dict of nodes by key.

    ``start`` and ``end`` are offsets in the text (quotes and brackets belong to it); ``line`` counts from 0, ``column`` from 1, as
    ``Report.add`` takes them. ``raw`` is a number or boolean as it is written (an id 1.10 is not 1.1). ``keys`` holds, for a dict,
    the node of each key.
    """

    __slots__ = ("column", "end", "keys", "line", "raw", "start", "value")

    def __init__(
        self, value: Scalar | list[Node] | dict[str, Node], start: int, end: int, line: int, column: int, raw: str = ""
    ) -> None:
        self.value = value
        self.start = start
        self.end = end
        self.line = line
        self.column = column
        self.raw = raw
        self.keys: dict[str, Node] = _NO_KEYS

    def items(self) -> list[Node]:
        """The elements of a list; nothing if it is none."""
        return self.value if isinstance(self.value, list) else []

    def table(self) -> dict[str, Node]:
        """The entries of a mapping; nothing if it is none."""
        return self.value if isinstance(self.value, dict) else {}

    def get(self, *names: str) -> Node | None:
        """The entry of the first of these names that is there and not null."""
        table = self.table()
        return next((table[name] for name in names if name in table and table[name].value is not None), None)

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
