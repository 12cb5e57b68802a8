"""Changing a file of the user: in one step, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chargehand.model.errors import StorageProblem, UsageProblem
from chargehand.process.files import replace_unchanged

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
            if replace_unchanged(path, new, before, durable=True):
                return True
        except OSError as error:
            message = f"cannot write {path}: {error.strerror}"
            raise StorageProblem(message, hint="free space, or make it writable; nothing was changed") from error
    raise UsageProblem(f"{path} is being written all the time", hint="close the program that writes it, and try again")
