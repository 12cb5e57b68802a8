"""Small private files, with the disk's refusals told as what they are."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from chargehand.model.errors import EnvironmentProblem, StorageProblem

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read; folders on the way are made. What is no UTF-8 becomes a question mark.

    Raises StorageProblem when the disk is full or read-only, EnvironmentProblem when it must not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        kind = StorageProblem if error.errno in _STORAGE else EnvironmentProblem
        raise kind(f"cannot write {path}: {error.strerror}", hint="free space, or make it writable, on this disk") from error


def replace_unchanged(path: Path, data: bytes, before: os.stat_result, *, durable: bool = False) -> bool:
    """Put ``data`` in a file's place in one step, unless it changed since ``before``; returns whether that was done.

    ``durable``: it is on the disk when this returns. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".chargehand-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
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
