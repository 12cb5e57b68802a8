"""The spec file in the user's checkout, for specs that git does not carry: landed tasks are ticked in place.

Ticks are gathered and written together: a file of 10,000 tasks must not be rewritten 10,000 times. The ledger is the truth
meanwhile, and whatever a crash kept from being written is written by the next run.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from chargehand.model.errors import StorageProblem
from chargehand.model.task import FileStatus
from chargehand.spec.writeback import mark_many

_SHARE = 0.02
"""At most this part of the time goes into rewriting the file."""


class SpecFile:
    """Ticks tasks in ``path``. Needs a running loop."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # a link stays a link
        self._pending: dict[str, tuple[FileStatus, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._pause = 0.2

    def tick(self, task: str) -> None:
        """Mark a task done, soon."""
        self._pending[task] = ("done", True)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self.write)

    def write(self) -> None:
        """Write what is gathered, now. A file somebody edits at this very moment is read again, never overwritten."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        started = time.perf_counter()
        for _ in range(10):
            try:
                before = self._path.stat()
                data, _missing = mark_many(self._path.read_bytes(), self._pending)
                if self._replace(data, before):
                    self._pending.clear()
                    break
            except FileNotFoundError:
                self._pending.clear()  # nothing to tick any more
                break
            except OSError as error:
                problem = f"cannot write {self._path}: {error.strerror}"
                raise StorageProblem(problem, hint="free space or rights, then run again") from error
        self._pause = max(0.2, (time.perf_counter() - started) / _SHARE)

    def _replace(self, data: bytes, before: os.stat_result) -> bool:
        """Put ``data`` in the file's place, unless it changed since ``before``."""
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".chargehand-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), before.st_mode & 0o7777)
            now = self._path.stat()
            if (now.st_mtime_ns, now.st_size, now.st_ino) != (before.st_mtime_ns, before.st_size, before.st_ino):
                return False
            Path(name).replace(self._path)
            return True
        finally:
            Path(name).unlink(missing_ok=True)
