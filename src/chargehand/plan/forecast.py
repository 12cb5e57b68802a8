"""A forecast: the run played many times in the engine's own order, each time with other durations and costs.

It says what would come if every task landed; what a task takes includes the attempts it usually needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp
from typing import NamedTuple

from chargehand.plan import graph
from chargehand.plan.dice import Dice
from chargehand.plan.pace import Guess
from chargehand.plan.schedule import Schedule, Work

MOST_TRIALS, LEAST_TRIALS = 2000, 40
EFFORT = 400_000
"""Tasks played in all: a second or two."""

_OTHER_JOBS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)


class Expected(NamedTuple):
    """A task to do, and what is thought of it. ``usd`` None: nobody knows what it costs."""

    work: Work
    seconds: Guess
    usd: Guess | None


class Range(NamedTuple):
    """Half of all courses stay below ``p50``, four fifths below ``p80``, nineteen of twenty below ``p95``."""

    p50: float
    p80: float
    p95: float


class Gating(NamedTuple):
    """A task on the chain that decided the end, in this ``share`` of all courses (0 to 1); ``behind``: so many wait for it."""

    task: str
    share: float
    behind: int


class Forecast(NamedTuple):
    """``usd`` None: the costs of some tasks are not known. ``in_budget`` is the chance (0 to 1) that the money suffices, None when
    there is no budget or no costs. ``path``: the longest chain by what is expected, ``path_s`` its seconds in the middle.
    ``by_jobs``: the middle of the time with other numbers of jobs."""

    trials: int
    tasks: int
    jobs: int
    seconds: Range
    usd: Range | None
    in_budget: float | None
    path: list[str]
    path_s: float
    gating: list[Gating]
    by_jobs: list[tuple[int, float]]


def foretell(
    tasks: Sequence[Expected], jobs: int, dice: Dice, *, budget_usd: float | None = None, trials: int = 0, compare: bool = True
) -> Forecast:
    """Play ``tasks`` with ``jobs`` at once, ``trials`` times (0: as many as are worth it). ``compare``: also with other jobs."""
    trials = trials or max(LEAST_TRIALS, min(MOST_TRIALS, EFFORT // max(1, len(tasks))))
    schedule = Schedule([task.work for task in tasks])
    ends, paid, gates, drawn = list[float](), list[float](), Counter[int](), list[list[float]]()
    for trial in range(trials):
        seconds, usd = _draw(tasks, dice)
        course = schedule.play(jobs, seconds)
        ends.append(course.end)
        paid.append(usd)
        gates.update(course.chain)
        if trial < trials // 4 + 1:
            drawn.append(seconds)
    priced = all(task.usd for task in tasks)
    needs = {task.work.id: task.work.needs for task in tasks}
    expected = {task.work.id: task.seconds.median for task in tasks}
    path = graph.critical_path(needs, dict(expected.items()))
    in_budget = sum(usd <= budget_usd for usd in paid) / trials if priced and budget_usd is not None else None
    return Forecast(
        trials,
        len(tasks),
        jobs,
        spread(ends),
        spread(paid) if priced else None,
        in_budget,
        path,
        sum(expected[task] for task in path),
        [Gating(tasks[number].work.id, count / trials, schedule.behind(number)) for number, count in gates.most_common(10)],
        _by_jobs(schedule, jobs, drawn, spread(ends).p50) if compare else [],
    )


def _draw(tasks: Sequence[Expected], dice: Dice) -> tuple[list[float], float]:
    """One course's durations, and what all of it costs. Tasks of a kin share how wrong one was about them."""
    off: dict[str, float] = {}
    dear: dict[str, float] = {}
    seconds, usd = [], 0.0
    for _, took, cost in tasks:
        if took.kin not in off:
            off[took.kin] = dice.normal()
        luck = dice.normal()
        seconds.append(took.median * exp(took.spread * luck + took.doubt * off[took.kin]))
        if cost and cost.median:
            if cost.kin not in dear:
                dear[cost.kin] = dice.normal()
            # What takes long costs much: half of the luck is the same.
            mixed = 0.7071 * luck + 0.7071 * dice.normal()
            usd += cost.median * exp(cost.spread * mixed + cost.doubt * dear[cost.kin])
    return seconds, usd


def spread(values: Sequence[float]) -> Range:
    """The middle, and what four fifths and nineteen of twenty stay within."""
    ordered = sorted(values)
    return Range(*(ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.8, 0.95)))


def _by_jobs(schedule: Schedule, jobs: int, drawn: Sequence[Sequence[float]], middle: float) -> list[tuple[int, float]]:
    """The middle of the time for more and fewer jobs, until more gain nothing; of so many jobs as there are it is ``middle``, and
    the others, of which fewer were drawn, are held against that."""
    found: list[tuple[int, float]] = []
    for count in sorted({jobs, *_OTHER_JOBS}):
        found.append((count, spread([schedule.play(count, seconds).end for seconds in drawn]).p50))
        if count > jobs and found[-1][1] > 0.98 * found[-2][1]:
            break
    near = next(place for place, (count, _) in enumerate(found) if count == jobs)
    scale = middle / found[near][1] if found[near][1] else 1.0
    return [(count, took * scale) for count, took in found[max(0, near - 2) :]]
