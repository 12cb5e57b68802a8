"""Processes as the kernel lists them: who descends from whom, in which session, since when.

Linux. Elsewhere the table is empty, and process groups have to do. The shim loads this module, so it imports next to nothing.
"""
# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEES_ALL = sys.platform == "linux"
"""Whether descendants can be found at all. Where not, a process group is the best there is."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_FREEZE_ROUNDS = 20


class Process:
    """One line of the table. ``start`` is in clock ticks since boot: with the pid it names a process for good.

    ``dead``: it is about to end, or has ended and waits for its parent to ask.
    """

    __slots__ = ("dead", "parent", "pid", "session", "start")

    def __init__(self, pid: int, parent: int, session: int, start: int, dead: bool) -> None:
        self.pid = pid
        self.parent = parent
        self.session = session
        self.start = start
        self.dead = dead


def read(path: str) -> bytes:
    """A small file of ``/proc``. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def look(pid: int | str) -> Process | None:
    """The process with this id (or ``"self"``), None when there is none (any more)."""
    try:
        stat = read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name is in parentheses and may itself hold spaces and parentheses.
    fields = stat[stat.rindex(b")") + 2 :].split(b" ", 21)
    # Without memory it runs no program any more.
    dead = fields[0] in b"ZX" or fields[20] == b"0"
    return Process(int(stat[: stat.index(b" ")]), int(fields[1]), int(fields[3]), int(fields[19]), dead)


def ticks() -> int:
    """Now, in the unit and from the beginning of ``Process.start``."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime_ns(clock) * _TICKS_PER_S // 1_000_000_000)


def processes() -> dict[int, Process]:
    """Every process there is, by pid."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return {}
    found = (look(name) for name in names if name.isdigit())
    return {process.pid: process for process in found if process}


def descendants(roots: Iterable[int], table: dict[int, Process]) -> list[Process]:
    """Children of ``roots``, their children, and so on; the roots themselves are not included."""
    children: dict[int, list[Process]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    todo = list(roots)
    while todo:
        born = children.pop(todo.pop(), [])
        found += born
        todo += [process.pid for process in born]
    return found


def send(pids: Iterable[int], *signals: int) -> None:
    """Signal each of them; one that is gone, or not ours to signal, is passed over."""
    for pid in pids:
        for number in signals:
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                break


def terminate(pids: Iterable[int]) -> None:
    """Ask politely. A stopped process hears it only when it goes on, hence SIGCONT."""
    send(pids, signal.SIGTERM, signal.SIGCONT)


def kill(find: Callable[[], Iterable[int]]) -> None:
    """End all that ``find`` finds. They are frozen first, until no new one appears, so that none can fork its way out."""
    seen: set[int] = set()
    for _ in range(_FREEZE_ROUNDS):
        new = set(find()) - seen
        if not new:
            break
        send(new, signal.SIGSTOP)
        seen |= new
    send(seen, signal.SIGKILL)


def become_subreaper() -> bool:
    """From now on, orphans among our descendants become our children. False where the system cannot do it."""
    import ctypes

    try:
        return int(ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)) == 0
    except (AttributeError, OSError):
        return False


def boot_id() -> str:
    """Differs after every reboot; empty where unknown."""
    try:
        return read("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""
