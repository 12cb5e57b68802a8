"""A bound on how many processes a program may have at a time, so that a fork bomb ends itself and not the machine.

No resource limit of the kernel does this everywhere: they count by user, or need a cgroup that is ours to make.
"""

from __future__ import annotations

from chargehand.process import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 0.5
"""Seconds between two looks."""


class Crowd:
    """Watches over ``most`` processes (0: no limit). A look is cheap: only where the whole machine has that many more threads than
    it once had since we began, the program's own are counted."""

    def __init__(self, most: int, now: float) -> None:
        self._most = most if tree.SEES_ALL else 0
        self._fewest = _threads()
        self._next = now + EVERY

    @property
    def due(self) -> list[float]:
        """When (monotonic) it wants to look next."""
        return [self._next] if self._most else []

    def too_many(self, now: float, count: Callable[[], int]) -> bool:
        """Whether there are too many, when it is time to look. ``count`` tells how many there are."""
        if not self._most or now < self._next:
            return False
        self._next = now + EVERY
        threads = _threads()
        self._fewest = min(self._fewest, threads)
        return threads > self._fewest + self._most // 2 and count() > self._most


def _threads() -> int:
    """Threads on this machine; 0 where it cannot be told."""
    try:
        # 0.20 0.18 0.12 1/80 11206
        return int(tree.read("/proc/loadavg").split()[3].split(b"/")[1])
    except (OSError, IndexError, ValueError):
        return 0
