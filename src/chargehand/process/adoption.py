"""The result of a launch somebody else made: wait for it, read it, or declare it lost."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from pathlib import Path

import msgspec

from chargehand.model.work import Exit
from chargehand.process import shim
from chargehand.process.attempt import LEFTOVER_GRACE
from chargehand.process.strays import Record, belonging, end, read_record

_QUICK, _SLOW = 0.02, 0.2
# A shim makes its record, then locks it. So long may lie between the two before we take it for dead.
_BIRTH = 1.0


async def adopt(directory: Path) -> Exit | None:
    """How the launch in ``directory`` ended; None when it never started.

    A running one is waited for. One without supervisor and without result is dead: what it left is ended, and the loss is recorded,
    so that nobody can start it after all.
    """
    if result := _result(directory / shim.RESULT):
        return result
    try:
        record = os.open(directory / shim.RECORD, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    pause = _QUICK
    born = time.monotonic() + _BIRTH
    try:
        while True:
            free = _lock(record)
            if result := _result(directory / shim.RESULT):
                return result
            if free and (os.fstat(record).st_size or time.monotonic() > born):
                return await _lost(directory, Record.parse(os.pread(record, 65536, 0)))
            if free:
                fcntl.flock(record, fcntl.LOCK_UN)
            await asyncio.sleep(pause)
            pause = min(_SLOW, pause * 1.5)
    finally:
        os.close(record)


def cancel(directory: Path) -> None:
    """Tell the supervisor of a launch that is not ours to end it. Nothing happens when it has none (any more)."""
    try:
        record = os.open(directory / shim.RECORD, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        # The lock shows that the shim is busy with this very launch and not, by now, with another.
        if not _lock(record) and (known := read_record(directory)) and (pid := known.supervisor()):
            os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    finally:
        os.close(record)


def _lock(record: int) -> bool:
    try:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _lost(directory: Path, record: Record) -> Exit:
    """Called with the record locked. The shim may have died between writing the result and giving it its name."""
    leftovers = await end(lambda: belonging(str(directory), record), min(record.kill_s, LEFTOVER_GRACE))
    result = _result(directory / shim.UNFINISHED)
    if result is None:
        result = Exit(
            cause="lost",
            started_at=(directory / shim.RECORD).stat().st_mtime,
            ended_at=time.time(),
            stdout_bytes=_size(directory / "stdout.log"),
            stderr_bytes=_size(directory / "stderr.log"),
            leftovers=leftovers,
            error="" if record.child else "its supervisor died before the program was started",
        )
    shim.save(str(directory), msgspec.json.encode(result))
    return result


def _result(path: Path) -> Exit | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Exit)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
