"""Taking secrets out of a file a program wrote, after its end: in place, whatever its size, in little memory."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from chargehand.model.redaction import Redactor, replaced

_CHUNK = 1 << 20
_LONGEST = 8 << 20
"""What does not come to an end within so many bytes is cut."""


def scrub(path: Path, redactor: Redactor) -> int:
    """Rewrite the file without secrets and return how many there were; it is not touched when there are none.

    Nobody may write to it meanwhile. It is replaced in one step and keeps its mode. 0 when it is no ordinary file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        return 0
    with os.fdopen(handle, "rb") as source:
        copy = _Copy(path, source)
        try:
            count = _filter(source, copy, redactor)
            copy.keep(stat.S_IMODE(status.st_mode))
        finally:
            copy.close()
    return count


def scrub_streams(place: Path, redactor: Redactor) -> int:
    """Scrub what a launch in this folder printed."""
    return scrub(place / "stdout.log", redactor) + scrub(place / "stderr.log", redactor)


class _Copy:
    """The new file. It is begun when it first differs from the old one."""

    def __init__(self, path: Path, source: BinaryIO) -> None:
        self._path, self._source = path, source
        self._file: BinaryIO | None = None
        self._name = ""
        self._same = 0

    def write(self, data: bytes, length: int) -> None:
        """``data`` stands for the next ``length`` bytes of the source."""
        if self._file is None:
            if len(data) == length:
                self._same += length
                return
            self._begin()
        assert self._file is not None
        self._file.write(data)

    def _begin(self) -> None:
        handle, self._name = tempfile.mkstemp(dir=self._path.parent, prefix=".scrub-")
        self._file = os.fdopen(handle, "wb")
        position = self._source.tell()
        self._source.seek(0)
        left = self._same
        while left and (chunk := self._source.read(min(left, _CHUNK))):
            self._file.write(chunk)
            left -= len(chunk)
        self._source.seek(position)

    def keep(self, mode: int) -> None:
        """Put the new file in the place of the old one."""
        if self._file is not None:
            self._file.flush()
            os.fchmod(self._file.fileno(), mode)
            os.fsync(self._file.fileno())
            Path(self._name).replace(self._path)
            self._name = ""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._name:
            with suppress(FileNotFoundError):
                Path(self._name).unlink()


def _filter(source: BinaryIO, copy: _Copy, redactor: Redactor) -> int:
    """What cannot be told yet, because it may go on in the next chunk, is looked at again together with that."""
    count, rest, ended = 0, b"", False
    while not ended:
        chunk = source.read(_CHUNK)
        ended = not chunk
        text = (rest + chunk).decode("utf-8", "surrogateescape")
        spans = redactor.spans(text)
        cut = len(text) if ended else _cut(text, spans, redactor.reach)
        sure = [span for span in spans if span[1] <= cut]
        before, rest = _encode(text[:cut]), _encode(text[cut:])
        copy.write(_encode(replaced(text[:cut], sure)) if sure else before, len(before))
        count += len(sure)
    return count


def _cut(text: str, spans: list[tuple[int, int]], reach: int) -> int:
    """Up to where ``text`` is settled: at the end of a line if there is one, never within a secret."""
    last = max(0, len(text) - reach)
    cut = text.rfind("\n", 0, last) + 1 or last
    for start, end in spans:
        if start < cut < end:
            return len(text) if not start and len(text) > _LONGEST else start
    return cut


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
