"""Small private files, with the disk's refusals told as what they are."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from chargehand.model.errors import EnvironmentProblem, StorageProblem, UsageProblem

_TRIES = 10
_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read; folders on the way are made. What is no UTF-8 becomes a question mark.

    Raises StorageProblem when the disk is full or read-only, EnvironmentProblem when it must not be written.
    """
    try:
        try:
            handle = _open_private(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = _open_private(path)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        kind = StorageProblem if error.errno in _STORAGE else EnvironmentProblem
        raise kind(f"cannot write {path}: {error.strerror}", hint="free space, or make it writable, on this disk") from error


def _open_private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def rewrite(path: Path, change: Callable[[bytes], bytes], *, durable: bool = True) -> bool:
    """Make ``change`` to a file of the user, in one step; a link stays a link. Whether it made a difference.

    A file that is edited at this very moment is read again, and ``change`` asked again: what somebody else wrote is never
    overwritten. ``durable``: it is on the disk when this returns. Raises StorageProblem when it cannot be written, UsageProblem
    when it never rests.
    """
    path = path.resolve()
    for _ in range(_TRIES):
        try:
            before = path.stat()
            old = path.read_bytes()
            new = change(old)
            if new == old:
                return False
            if _replace_unchanged(path, new, before, durable=durable):
                return True
        except OSError as error:
            message = f"cannot write {path}: {error.strerror}"
            raise StorageProblem(message, hint="free space, or make it writable; nothing was changed") from error
    raise UsageProblem(f"{path} is being written all the time", hint="close the program that writes it, and try again")


def _replace_unchanged(path: Path, data: bytes, before: os.stat_result, *, durable: bool) -> bool:
    """Put ``data`` in a file's place in one step, unless it changed since ``before``; whether that was done. Raises OSError."""
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
