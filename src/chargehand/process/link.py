"""One shim as the engine sees it: a process, a pipe to it, a pipe from it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from chargehand.model.work import Exit
from chargehand.process.strays import HOUSE_MARKER

_ENTRY = "import sys; sys.path.append(sys.argv[1]); from chargehand.process.shim import main; main()"
_CODE = str(Path(__file__).parents[2])
_CANCEL = b'{"cancel": true}\n'
_CHUNK = 65536
_FULL_PIPE_PAUSE = 0.002
_LEAVE_S = 5.0


class Answer(msgspec.Struct, frozen=True):
    """A line from a shim: how a launch ended, or that its directory had been started before. ``last``: it takes no more."""

    exit: Exit | None = None
    taken: bool = False
    last: bool = False


_decode = msgspec.json.Decoder(Answer).decode


class Link:
    """Starts a shim and talks to it. ``done`` is called whenever it is free again, or dead (then ``usable`` is False).

    Raises OSError when no process can be started.
    """

    def __init__(self, errors: Path, done: Callable[[Link], None]) -> None:
        self.usable = True
        self._done = done
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer | None] | None = None
        self._sent = self._cancelled = False
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_future()
        self._pid, self._to, self._from = _spawn(errors)
        self._loop.add_reader(self._from, self._listen)

    async def ask(self, message: bytes) -> Answer | None:
        """Hand over one launch and wait for the answer; None when the shim died without giving one."""
        self._sent = self._cancelled = False
        self._answer = self._loop.create_future()
        try:
            await self._send(message)
        except asyncio.CancelledError:
            # It got half a line; nothing sensible can follow.
            self.dismiss()
            raise
        return await self._answer

    def cancel(self) -> None:
        self._cancelled = True
        if self._sent:
            self._write(_CANCEL)

    def dismiss(self) -> None:
        """Let it go when it is done with what it does."""
        self.usable = False
        if self._to >= 0:
            os.close(self._to)
            self._to = -1

    def abandon(self) -> None:
        """Leave it alone with what it does."""
        self.dismiss()
        self._hang_up()
        if self._answer:
            self._answer.cancel()

    async def ended(self) -> None:
        """Wait until a dismissed shim is gone."""
        await asyncio.wait([self._gone], timeout=_LEAVE_S)
        if not self._gone.done():
            self._hang_up()

    async def _send(self, message: bytes) -> None:
        rest = memoryview(message)
        while rest:
            written = self._write(rest)
            rest = rest[written:]
            if not written:
                await asyncio.sleep(_FULL_PIPE_PAUSE)
        self._sent = True
        if self._cancelled:
            self._write(_CANCEL)

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._to, data)
        except BlockingIOError:
            return 0
        except OSError:
            # Dead; the other pipe says so in a moment.
            return len(data)

    def _listen(self) -> None:
        data = os.read(self._from, _CHUNK)
        if not data:
            self._bury()
            return
        self._buffer += data
        if data.endswith(b"\n"):
            answer = _decode(self._buffer)
            self._buffer.clear()
            if answer.last:
                self.dismiss()
            self._conclude(answer)

    def _conclude(self, answer: Answer | None) -> None:
        waiting, self._answer = self._answer, None
        if waiting and not waiting.done():
            waiting.set_result(answer)
        self._done(self)

    def _bury(self) -> None:
        self.dismiss()
        self._hang_up()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._gone.set_result(None)
        self._conclude(None)

    def _hang_up(self) -> None:
        self._loop.remove_reader(self._from)
        os.close(self._from)


def _spawn(errors: Path) -> tuple[int, int, int]:
    """A new shim: its pid, the pipe to it (not blocking), the pipe from it."""
    theirs_in, to = os.pipe()
    out, theirs_out = os.pipe()
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _ENTRY, _CODE],
            {HOUSE_MARKER: "1"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs_in, 0),
                (os.POSIX_SPAWN_DUP2, theirs_out, 1),
                (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            ],
            setsid=True,
        )
    except OSError:
        os.close(to)
        os.close(out)
        raise
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    os.set_blocking(to, False)
    return pid, to, out
