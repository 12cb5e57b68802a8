"""From the bytes a program prints to signals, and from signals to the report: one way for every driver.

Transcripts are long and their lines may be huge (a tool that printed a whole file). So lines are cut from large pieces, the type is
read from the head of a line, only lines of a known type are decoded, and of those only the fields that matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from chargehand.model.signals import Signal

LONG = 1024 * 1024
"""A line longer than this (bytes) is only kept when its head says that it matters."""

LONGEST = 256 * 1024 * 1024
"""No line longer than this (bytes) is kept."""

HEAD = 4096
"""So much of a line (bytes) tells whether it matters."""

_PIECE = 256 * 1024
_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([^"\\]*)"')
_SHORT = 400

Kinds = Mapping[str, tuple[type[Any], Callable[[Any], Iterable[Signal]]]]
"""By the type of a line: the struct with the fields that matter, and what to make of it."""


class _Typed(msgspec.Struct):
    type: str = ""


class Reader:
    """Understands the lines of one program: ``kinds`` says how. ``bulk`` is found in the head of lines that matter only while they
    are short (what tools printed). Lines of the types in ``live`` are for those who watch; no report needs them."""

    def __init__(self, kinds: Kinds, bulk: bytes = b"", live: Collection[str] = ()) -> None:
        self._kinds = {name.encode(): (msgspec.json.Decoder(struct), make) for name, (struct, make) in kinds.items()}
        self._typed = msgspec.json.Decoder(_Typed)
        self._bulk = re.compile(bulk) if bulk else None
        self._live = tuple(b'{"type":"%s"' % name.encode() for name in live)

    def signals(self, line: bytes) -> Iterator[Signal]:
        """What one line tells. A line that is no JSON, of a type nobody knows or of another shape tells nothing."""
        match = _TYPE.match(line)
        try:
            kind = self._kinds.get(match[1] if match else self._other(line))
            event = kind[0].decode(line) if kind else None
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        if kind:
            yield from kind[1](event)

    def _other(self, line: bytes) -> bytes:
        return self._typed.decode(line).type.encode() if line.lstrip()[:1] == b"{" else b""

    def keep(self, head: bytes) -> bool:
        """Whether a line that begins so matters even if it is very long. Some programs write the type of their last word last."""
        match = _TYPE.match(head)
        known = match[1] in self._kinds if match else head.lstrip()[:1] == b"{"
        return known and not head.startswith(self._live) and not (self._bulk and self._bulk.search(head))

    def read(self, path: Path) -> Iterator[Signal]:
        """All of a transcript that a report needs; nothing when there is no such file. Memory stays flat."""
        for line in read_lines(path, self.keep):
            if not line.startswith(self._live):
                yield from self.signals(line)


def read_lines(path: Path, keep: Callable[[bytes], bool] = lambda _: False) -> Iterator[bytes]:
    """The lines of a file, without their ends; none when it cannot be read. See `Lines`."""
    lines = Lines(keep)
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                yield from lines.feed(piece)
    except OSError:
        pass
    yield lines.rest()


class Lines:
    """Cuts pieces of a stream into lines. ``keep`` is shown the head of a line that grows beyond `LONG`; without its yes the line
    is dropped."""

    def __init__(self, keep: Callable[[bytes], bool] = lambda _: False) -> None:
        self._keep = keep
        self._parts: list[bytes] = []
        self._size = 0
        self._dropped = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines this piece (at most `LONG`) completes, without their ends."""
        first, *others = piece.split(b"\n")
        self._grow(first)
        if not others:
            return
        yield self.rest()
        *whole, last = others
        yield from whole
        self._grow(last)

    def rest(self) -> bytes:
        """What is left of a line that was not completed."""
        line = b"".join(self._parts)
        self._parts, self._size, self._dropped = [], 0, False
        return line

    def _grow(self, part: bytes) -> None:
        if self._dropped or not part:
            return
        before, self._size = self._size, self._size + len(part)
        self._parts.append(part)
        grew_long = before <= LONG < self._size
        if (grew_long and not self._keep(b"".join(self._parts[:HEAD])[:HEAD])) or self._size > LONGEST:
            self._dropped, self._parts = True, []


def short(value: object) -> str:
    """A value as a person wants to read it in one line: the first text in it that says something, or all of it as JSON."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join(text[: 4 * _SHORT].split())
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
