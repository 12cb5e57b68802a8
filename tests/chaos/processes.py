"""Processes that descend from this one, read from /proc by code of its own: what is on trial must not be its own witness."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_FREEZE_ROUNDS = 20


class Process(NamedTuple):
    pid: int
    parent: int
    zombie: bool


def adopt_orphans() -> None:
    """From now on whatever loses its parent below us becomes our child, and so stays below us."""
    assert ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0) == 0


def mine() -> list[int]:
    """Every living process that descends from this one."""
    table = _table()
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        parent = todo.pop()
        born = [process for process in table if process.parent == parent]
        found += [process.pid for process in born if not process.zombie]
        todo += [process.pid for process in born]
    return found


def shims() -> list[int]:
    """The supervisors among our descendants."""
    return [pid for pid in mine() if "chargehand.process.shim" in command(pid)]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_all() -> None:
    """End everything below us, frozen first so that nothing forks its way out."""
    seen: set[int] = set()
    for _ in range(_FREEZE_ROUNDS):
        new = set(mine()) - seen
        if not new:
            break
        send(new, signal.SIGSTOP)
        seen |= new
    send(seen, signal.SIGKILL)


def bury(engine: int) -> None:
    """Reap orphans that fell to us. ``engine`` is reaped by whoever waits for it."""
    for process in _table():
        if process.parent == os.getpid() and process.zombie and process.pid != engine:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, 0)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def command(pid: int) -> str:
    """Its command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def describe(pids: Iterable[int]) -> str:
    return ", ".join(f"{pid} ({command(pid)[:100].strip()})" for pid in pids)


def _table() -> list[Process]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # The name is in parentheses and may itself hold any of them.
                fields = (folder / "stat").read_bytes().rpartition(b") ")[2].split(b" ", 2)
                found.append(Process(int(folder.name), int(fields[1]), fields[0] in b"ZX"))
    return found
