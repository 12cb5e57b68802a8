"""A call's bill: a file of lines, each written before the agent has the end of the answer it is for.

A request that was let out has two lines: one before it left, one with what it used. Where the second is missing (the meter was
killed), the first is charged by estimate: the provider may have done the work. The first line is flushed to the disk itself while
the provider works, and with it all before it: a power cut loses at most the second line of each call's last request.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from chargehand.model.work import AgentError, Tokens, Usage
from chargehand.ports import Metered

NAME = "meter.jsonl"


class Left(msgspec.Struct, frozen=True, kw_only=True, tag="left"):
    """A request goes to the provider. ``expected`` is what is charged when nothing more is known of it. ``at`` in Unix seconds."""

    id: str
    at: float
    model: str
    expected: Tokens
    usd: float | None


class Paid(msgspec.Struct, frozen=True, kw_only=True, tag="paid", omit_defaults=True):
    """What it used. ``status`` 0: no answer came. ``usd`` None: the model has no price. Times in Unix seconds; ``waited_s`` went by
    on the provider's limits."""

    id: str
    model: str
    tokens: Tokens
    usd: float | None
    status: int
    at: float
    first_byte_at: float = 0.0
    ended_at: float
    waited_s: float = 0.0
    estimated: bool = False


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """A request that was not let out, and why."""

    at: float
    error: AgentError


class Denied(msgspec.Struct, frozen=True, kw_only=True, tag="denied"):
    """A host that the agent tried to reach and may not."""

    at: float
    host: str


Line = Left | Paid | Refused | Denied

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


class Bill:
    """The file of one call, for the meter. Lines the disk refused are kept and written before the next one."""

    def __init__(self, place: Path) -> None:
        self._path = place / NAME
        self._unwritten = b""
        self._file = -1
        self._written = self._flushed = 0
        self._flushing: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    def write(self, line: Line) -> None:
        """Append a line. Raises OSError; it is then written with the next one, unless it is a ``Left``: that request stays here."""
        text = _encode(line) + b"\n"
        try:
            self._append(self._unwritten + text)
        except OSError:
            if not isinstance(line, Left):
                self._unwritten += text
            raise
        self._unwritten = b""
        self._written += 1

    def flush_soon(self) -> None:
        """See to it that what was written so far is on the disk itself, as far as that can be had; nobody waits for it."""
        task = asyncio.get_running_loop().create_task(self.flush())
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)

    async def flush(self) -> None:
        """The same, and wait for it."""
        written = self._written
        async with self._one_at_a_time:
            if self._flushed < written:
                now = self._written
                with contextlib.suppress(OSError):
                    await asyncio.get_running_loop().run_in_executor(None, os.fdatasync, self._file)
                self._flushed = now

    def _append(self, text: bytes) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            text = b"\n" + text  # somebody died over the last line
        written = os.write(self._file, text)
        if written < len(text):
            os.ftruncate(self._file, size)
            raise OSError("no space left for a line of the bill")

    def close(self) -> None:
        """Write what is still to be written, if it can be, and let go of the file."""
        try:
            if self._unwritten:
                self._append(self._unwritten)
        except OSError:
            pass
        finally:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def lines(place: Path) -> Iterator[Line]:
    """What a call's bill says; lines that were cut are passed over."""
    try:
        text = (place / NAME).read_bytes()
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            yield _decode(line)
        except msgspec.MsgspecError:
            continue


def metered(place: Path) -> Metered:
    """The sum of a call's bill."""
    refused: AgentError | None = None
    requests, unpriced = 0, False
    open_: dict[str, Left] = {}
    charges: list[tuple[Tokens, float | None]] = []
    for line in lines(place):
        match line:
            case Left():
                open_[line.id] = line
                requests, refused = requests + 1, None
            case Paid():
                open_.pop(line.id, None)
                charges.append((line.tokens, line.usd))
            case Refused():
                refused = line.error
    charges += [(line.expected, line.usd) for line in open_.values()]
    usage = Usage()
    for tokens, usd in charges:
        unpriced = unpriced or usd is None
        usage += tokens.usage(usd)
    return Metered(requests=requests, usage=usage, refused=refused, unpriced=unpriced)
