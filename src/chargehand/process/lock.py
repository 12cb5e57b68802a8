"""One engine per project: a lock the kernel releases when its holder dies, whatever way it dies."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path

from chargehand.model.errors import Locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_TRIES, _PAUSE = 5, 0.02


class ProjectLock:
    """Also a context manager. The file stays; only the lock on it counts, never its text."""

    def __init__(self, path: Path, command: str = "") -> None:
        self._path = path
        self._command = command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        self._file = -1

    def acquire(self) -> None:
        """Take the lock, or raise Locked, which names the holder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Not inherited by any program we start: the lock would live on in it.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(file):
            found = _holder(file)
            os.close(file)
            who = _describe(found) if found else "another process"
            raise Locked(f"this project is in use by {who}", hint="wait for it to end, or stop it first")
        me = {"pid": os.getpid(), "host": os.uname().nodename, "started_at": time.time(), "command": self._command}
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(me).encode() + b"\n", 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> ProjectLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _lock(file: int) -> bool:
    # One who only looks (``holder``) has the lock for a moment; he is no reason to give up.
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return True
    return False


def _holder(file: int) -> dict[str, Any] | None:
    """None when the holder has not come to writing yet."""
    try:
        found = json.loads(os.pread(file, 65536, 0))
    except (ValueError, OSError):
        return None
    return found if isinstance(found, dict) and found.keys() >= {"pid", "host", "started_at", "command"} else None


def _describe(holder: dict[str, Any]) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder["started_at"]))
    return f"`{holder['command']}`, process {holder['pid']} on {holder['host']}, since {since}"


def holder(path: Path) -> dict[str, Any] | None:
    """What the holder of a lock wrote of himself; None when nobody holds it. Takes nothing away from anybody."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(file) or {}
    else:
        return None
    finally:
        os.close(file)
