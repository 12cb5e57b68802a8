"""Changing a file of the user: in one step, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from chargehand.model.errors import StorageProblem, UsageProblem

_TRIES = 10


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> bool:
    """Make ``change`` to the file, a link stays a link; whether it made a difference.

    A file that is edited at this very moment is read again, and ``change`` asked again. Raises StorageProblem when it cannot be
    written, UsageProblem when it never rests.
    """
    path = path.resolve()
    for _ in range(_TRIES):
        try:
            before = path.stat()
            old = path.read_bytes()
            new = change(old)
            if new == old:
                return False
            if _replaced(path, new, before):
                return True
        except OSError as error:
            message = f"cannot write {path}: {error.strerror}"
            raise StorageProblem(message, hint="free space, or make it writable; nothing was changed") from error
    raise UsageProblem(f"{path} is being written all the time", hint="close the program that writes it, and try again")


def _replaced(path: Path, data: bytes, before: os.stat_result) -> bool:
    """Put ``data`` in the file's place, unless it changed since ``before``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".chargehand-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
            os.fchmod(handle, before.st_mode & 0o7777)
        now = path.stat()
        if (now.st_mtime_ns, now.st_size, now.st_ino) != (before.st_mtime_ns, before.st_size, before.st_ino):
            return False
        Path(name).replace(path)
        return True
    finally:
        Path(name).unlink(missing_ok=True)
