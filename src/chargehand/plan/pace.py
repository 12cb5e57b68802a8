"""How long tasks take and what they cost, learned from those that landed: by class of task (estimate, priority) and agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log, sqrt
from statistics import median
from typing import NamedTuple

from chargehand.plan.graph import DEFAULT_HOURS

SECONDS_PER_HOUR = 360.0
"""What an agent is taken to need for an hour of estimate as long as nothing is known: six minutes."""

SPREAD, DOUBT = 0.8, 0.7
"""Of such a guess, on the scale of logarithms: how much tasks differ, and how wrong the guess may be for all of them together."""

ENOUGH = 4
"""A class with fewer tasks is not told apart."""

_LEAST_SPREAD = 0.15


class Done(NamedTuple):
    """A task that landed: ``seconds`` of all its attempts, ``usd`` of all its calls (None: not reported)."""

    agent: str
    priority: int
    hours: float | None
    seconds: float
    usd: float | None


class Guess(NamedTuple):
    """A lognormal guess: half of such tasks stay below ``median``; ``spread`` is how much they differ, ``doubt`` how far off the
    median may be, for all tasks of the same ``kin`` alike. ``known``: from so many tasks."""

    median: float
    spread: float
    doubt: float
    kin: str
    known: int = 0

    def quantile(self, deviations: float) -> float:
        """What a task stays below that is so many deviations slower than the middle."""
        return self.median * exp(deviations * sqrt(self.spread**2 + self.doubt**2))


def size(hours: float | None) -> str:
    """The class of an estimate: ``S`` up to an hour, ``M`` up to four, ``L`` up to a day of eight, ``XL``; ``-`` without one."""
    if hours is None:
        return "-"
    return "S" if hours <= 1 else "M" if hours <= 4 else "L" if hours <= 8 else "XL"


class Pace:
    """What is known of tasks. A task is judged by the narrowest class that holds enough of them: agent, size and priority; agent
    and size; agent; all. Where sizes are not told apart, a task counts by its estimate."""

    def __init__(self, done: Iterable[Done]) -> None:
        self._classes: dict[str, list[Done]] = {}
        for one in done:
            if one.seconds > 0:
                for kin in _classes(one.agent, one.hours, one.priority):
                    self._classes.setdefault(kin, []).append(one)
        self._paid = {kin: [one for one in seen if one.usd is not None] for kin, seen in self._classes.items()}
        self._guessed: dict[tuple[str, str, float | None, int], Guess | None] = {}

    @property
    def known(self) -> int:
        """How many tasks were learned from."""
        return len(self._classes.get("all", ()))

    def seconds(self, agent: str, hours: float | None, priority: int) -> Guess:
        """How long a task holds its place: all its attempts, gates and landing included."""
        found = self._look("seconds", self._classes, agent, hours, priority)
        return found or Guess(SECONDS_PER_HOUR * (hours or DEFAULT_HOURS), SPREAD, DOUBT, "unknown")

    def usd(self, agent: str, hours: float | None, priority: int) -> Guess | None:
        """What a task costs; None when too few have told it."""
        return self._look("usd", self._paid, agent, hours, priority)

    def _look(
        self, what: str, classes: Mapping[str, Sequence[Done]], agent: str, hours: float | None, priority: int
    ) -> Guess | None:
        """The guess of the narrowest class that is known; made once for tasks that are alike."""
        key = (what, agent, hours, priority)
        if key not in self._guessed:
            kin = next((kin for kin in _classes(agent, hours, priority) if len(classes.get(kin, ())) >= ENOUGH), "")
            told = [(getattr(one, what), one.hours) for one in classes.get(kin, ())]
            self._guessed[key] = _guess(_scaled(told, hours, kin), kin) if kin else None
        return self._guessed[key]

    def table(self) -> list[tuple[str, Guess, Guess | None]]:
        """Every class with enough tasks: its name, and what its tasks take and cost, for those who want to look."""
        rows = []
        for kin, seen in sorted(self._classes.items()):
            if len(seen) >= ENOUGH:
                paid = [one.usd for one in self._paid[kin] if one.usd is not None]
                rows.append((kin, _guess([one.seconds for one in seen], kin), _guess(paid, kin) if len(paid) >= ENOUGH else None))
        return rows


def _classes(agent: str, hours: float | None, priority: int) -> tuple[str, ...]:
    """From the narrowest to the widest."""
    return (f"{agent}, {size(hours)}, P{priority}", f"{agent}, {size(hours)}", agent, "all")


def _scaled(seen: Sequence[tuple[float, float | None]], hours: float | None, kin: str) -> list[float]:
    """The figures of a class as they would be for a task of ``hours``, where the class holds tasks of all sizes."""
    told = [(value, own) for value, own in seen if own]
    if ", " in kin or hours is None or len(told) < ENOUGH:
        return [value for value, _ in seen]
    return [value * hours / own for value, own in told if own]


def _guess(values: Sequence[float], kin: str) -> Guess:
    """Middle and spread by medians, so that one task that waited for a night spoils nothing. The spread of few is drawn towards the
    usual one."""
    logs = [log(max(value, 1e-6)) for value in values]
    middle, count = median(logs), len(logs)
    spread = 1.4826 * median(abs(one - middle) for one in logs)
    spread = max(_LEAST_SPREAD, sqrt((ENOUGH * SPREAD**2 + count * spread**2) / (ENOUGH + count)))
    return Guess(exp(middle), spread, 1.25 * spread / sqrt(count), kin, count)
