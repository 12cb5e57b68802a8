"""Processes as /proc tells of them, read by code of its own: what is on trial must not be its own witness."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def words(pid: int) -> list[str]:
    """The command line; empty when the process is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    return []


def named(mark: str) -> list[int]:
    """Living processes that have ``mark`` in their command line, whatever namespace they are in."""
    return [pid for pid in _all() if any(mark in word for word in words(pid)) and not _zombie(pid)]


def of(program: str, root: Path) -> list[int]:
    """Processes that are ``program``, by their own word or by that of their interpreter, for something below ``root``."""
    found = [pid for pid in _all() if any(Path(word).name == program for word in words(pid)[:2]) and not _zombie(pid)]
    return [pid for pid in found if str(root).encode() in _environment(pid)]


def around(root: Path) -> list[int]:
    """Living processes that were started for something below ``root``: their environment or their command line says so."""
    place = str(root)
    return [pid for pid in _all() if place.encode() in _environment(pid) or any(place in word for word in words(pid))]


def described(pids: list[int]) -> list[str]:
    return [f"{pid}: {' '.join(words(pid))[:200]}" for pid in pids]


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def until(true: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
    """Wait for something to become true. The limit is only there so that a test which fails ends."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, f"waited {limit_s:.0f} s in vain: {what}"
        time.sleep(0.03)


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]  # noqa: PTH208


def _environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _zombie(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] in b"ZX"
    return True
