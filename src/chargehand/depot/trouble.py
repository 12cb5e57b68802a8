"""What the operating system refuses, told as an error a user can act on."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from chargehand.model.errors import EnvironmentProblem, StorageProblem

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}

P = ParamSpec("P")
R = TypeVar("R")


def told(method: Callable[P, R]) -> Callable[P, R]:
    """Let ``method`` raise StorageProblem where the disk is full or read-only, EnvironmentProblem for any other OSError."""

    @functools.wraps(method)
    def telling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            kind = StorageProblem if error.errno in _STORAGE else EnvironmentProblem
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise kind(f"cannot use {what}", hint="free space on this disk, or make it writable") from error

    return telling
