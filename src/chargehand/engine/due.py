"""Deadlines that are on record by the wall clock, held against one that nobody sets."""

from __future__ import annotations

from chargehand.ports import Clock


class Due:
    """A deadline is taken over when it is first asked for; from then on it is of no matter what becomes of the wall clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[float, float] = {}

    def left(self, until: float, whole: float) -> float:
        """Seconds until ``until`` (Unix seconds), never more than ``whole``, for which it was set; 0 or less when that is over."""
        now = self._clock.elapsed()
        if until not in self._ends:
            self._ends[until] = now + min(until - self._clock.now(), whole)
        return self._ends[until] - now
