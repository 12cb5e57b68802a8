"""One output stream of a program, from its pipe to its log: bounded on disk, flat in memory, never blocking the program."""

# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH119

from __future__ import annotations

import os

_CHUNK = 65536
_TAIL = 1 << 20
# What a pipe can still hold when everybody who wrote to it is gone.
_LAST_GULP = 4 << 20


class Spool:
    """Reads a pipe into a file that appears with the first byte.

    The first ``cap`` bytes are written as they come. Of what follows, the end (1 to 2 MiB) is kept in memory and appended when all
    is over, after a line that says how much is missing. A disk that is full never stops the reading.
    """

    def __init__(self, pipe: int, path: str, cap: int) -> None:
        self.pipe = pipe
        self.total = 0
        self.dropped = 0
        self.error = ""
        self._ended = False
        self._path = path
        self._room = cap
        self._file = -1
        self._tail = bytearray()

    def take(self) -> bool:
        """Read what is there, at most a chunk. False when nobody can write any more or nothing is there."""
        try:
            data = os.read(self.pipe, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._ended = True
            return False
        self.total += len(data)
        if self._room:
            head = data[: self._room]
            written = self._write(head)
            self._room = 0 if written < len(head) else self._room - written
            data = data[written:]
        if data:
            self._keep(data)
        return True

    def finish(self) -> None:
        """Take what is left, append the kept end, close both ends. Call it when the writers are gone."""
        end = self.total + _LAST_GULP
        while not self._ended and self.total < end and self.take():
            pass
        os.close(self.pipe)
        if self._tail:
            self._append_tail()
        if self._file >= 0:
            os.close(self._file)

    def _keep(self, data: bytes) -> None:
        self._tail += data
        if len(self._tail) > 2 * _TAIL:
            self._shorten(len(self._tail) - _TAIL)

    def _shorten(self, count: int) -> None:
        del self._tail[:count]
        self.dropped += count

    def _append_tail(self) -> None:
        if self.dropped:
            if len(self._tail) > _TAIL:
                self._shorten(len(self._tail) - _TAIL)
            # Go on at the start of a line, if one is near: half a line is of no use to a reader of JSON lines.
            self._shorten(self._tail.find(b"\n", 0, _CHUNK) + 1)
            self._tail[:0] = b"\n[chargehand: %d bytes left out here]\n" % self.dropped
        written = self._write(bytes(self._tail))
        self.dropped += len(self._tail) - written

    def _write(self, data: bytes) -> int:
        """How much of ``data`` reached the file; less than all only when the disk refuses."""
        done = 0
        try:
            if self._file < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
            while done < len(data):
                done += os.write(self._file, data[done:] if done else data)
        except OSError as problem:
            self.error = f"{os.path.basename(self._path)}: {problem.strerror}"
        return done
