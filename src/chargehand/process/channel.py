"""The shim's side of its conversation with the engine: one JSON document per line, and signals turned into bytes.

Everything the shim waits for is waited for here, in one ``poll`` that sleeps until something happens.
"""

from __future__ import annotations

import json
import os
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IN, _OUT = 0, 1
# The terminal's signals are not for agents: the engine decides what an interrupt means.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class Channel:
    """``alone``: nobody listens any more, which stops nothing. ``dismissed``: told to leave by SIGTERM, with what is under way."""

    def __init__(self) -> None:
        self.alone = False
        self.dismissed = False
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(_IN, select.POLLIN)
        self._woken, woke = os.pipe()
        os.set_blocking(woke, False)
        self._poll.register(self._woken, select.POLLIN)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(woke, warn_on_full_buffer=False)

    def watch(self, pipe: int) -> None:
        self._poll.register(pipe, select.POLLIN)

    def ignore(self, pipe: int) -> None:
        self._poll.unregister(pipe)

    def wait(self, seconds: float | None) -> list[int]:
        """Sleep until something happens, at most ``seconds``; the watched pipes that have something to read."""
        ready = []
        for fd, _ in self._poll.poll(None if seconds is None else max(0, int(seconds * 1000) + 1)):
            if fd == _IN:
                self._listen()
            elif fd == self._woken:
                self.dismissed |= signal.SIGTERM in os.read(fd, 4096)
            else:
                ready.append(fd)
        return ready

    def next_launch(self) -> dict[str, Any] | None:
        """The next program to run; None when it is time to leave."""
        while not self.dismissed:
            end = self._buffer.find(b"\n")
            if end >= 0:
                message = json.loads(bytes(self._buffer[:end]))
                del self._buffer[: end + 1]
                # A cancellation that crossed the end of its program on the way has nothing to cancel.
                if "argv" in message:
                    return dict(message)
            elif self.alone:
                return None
            else:
                self.wait(None)
        return None

    @property
    def cancelled(self) -> bool:
        """Whether the program under way is to be ended: while it runs, the engine can say nothing else."""
        return self.dismissed or b"\n" in self._buffer

    def tell(self, line: bytes) -> None:
        """Send one JSON document."""
        try:
            os.write(_OUT, line + b"\n")
        except OSError:
            self.alone = True

    def _listen(self) -> None:
        try:
            data = os.read(_IN, 1 << 20)
        except OSError:
            data = b""
        self._buffer += data
        if not data:
            self.alone = True
            self._poll.unregister(_IN)
