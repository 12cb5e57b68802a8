"""One engine per project: a lock the kernel releases when its holder dies, whatever way it dies."""

from __future__ import annotations

import fcntl
import os
import platform
import sys
import time
from pathlib import Path
from types import TracebackType

import msgspec

from chargehand.model.errors import Locked

_TRIES, _PAUSE = 5, 0.02


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock, as it is written into the file. ``started_at`` in Unix seconds."""

    pid: int
    host: str
    started_at: float
    command: str

    def describe(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started_at))
        return f"`{self.command}`, process {self.pid} on {self.host}, since {since}"


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
            who = found.describe() if found else "another process"
            raise Locked(f"this project is in use by {who}", hint="wait for it to end, or stop it first")
        me = Holder(os.getpid(), platform.node(), time.time(), self._command)
        os.ftruncate(file, 0)
        os.pwrite(file, msgspec.json.encode(me) + b"\n", 0)
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


def _holder(file: int) -> Holder | None:
    """None when the holder has not come to writing yet."""
    try:
        return msgspec.json.decode(os.pread(file, 65536, 0), type=Holder)
    except (msgspec.DecodeError, OSError):
        return None


def holder(path: Path) -> dict[str, object] | None:
    """What the holder of a lock wrote of himself; None when nobody holds it. Takes nothing away from anybody."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        found = _holder(file)
        return {"pid": found.pid, "host": found.host, "started_at": found.started_at, "command": found.command} if found else {}
    else:
        return None
    finally:
        os.close(file)
