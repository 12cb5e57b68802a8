"""Graphs of tasks as specs have them, drawn from a seed: in layers, series and parallel, and phases with a gate between them."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from chargehand.model import facts
from chargehand.plan.board import Board
from chargehand.plan.graph import dependents, topological


class Dag(NamedTuple):
    """``needs`` in the order of the file; ``minutes`` each task really takes, and ``told``, what the spec says it would."""

    needs: dict[str, tuple[str, ...]]
    minutes: dict[str, float]
    told: dict[str, float]

    @property
    def work(self) -> float:
        return sum(self.minutes.values())

    def bound(self, jobs: int) -> float:
        """No order can be done sooner: the longest chain, or all work shared by all."""
        ends: dict[str, float] = {}
        for task in topological(self.needs):
            ends[task] = self.minutes[task] + max((ends[need] for need in self.needs[task]), default=0.0)
        return max(*ends.values(), self.work / jobs)

    def tight_bound(self, jobs: int) -> float:
        """A sharper one: a task cannot begin before what lies behind it was done by all jobs together, which tells where a graph
        is as narrow as a gate."""
        above: dict[str, set[str]] = {}
        begin: dict[str, float] = {}
        needs = {**self.needs, "": tuple(self.needs)}
        for task in topological(needs):
            above[task] = set(needs[task]).union(*(above[need] for need in needs[task]))
            soonest = max((begin[need] + self.minutes[need] for need in needs[task]), default=0.0)
            work = 0.0
            for one in sorted(above[task], key=begin.__getitem__, reverse=True):
                work += self.minutes[one]
                soonest = max(soonest, begin[one] + work / jobs)
            begin[task] = soonest
        return begin[""]


def suite(count: int, seed: int = 0, noise: float = 0.5) -> list[Dag]:
    """``count`` graphs of 60 to 500 tasks, as narrow as those of the study whose aims we took: one by one, all work takes 3.6, 5.0
    and 5.6 times the bound for 4, 8 and 16 jobs (there 3.7, 4.9 and 5.6). Minutes are lognormal (median 12, sigma 0.8, from 1 to
    60); what is told of them is off by up to ``noise``, evenly."""
    dags = []
    for number in range(count):
        rng = Random(f"{seed}.{number}")
        size = int(math.exp(rng.uniform(math.log(60), math.log(500))))
        needs = (_layered, _series_parallel, _phases)[number % 3](rng, size)
        minutes = {task: _minutes(rng) for task in needs}
        told = {task: took * rng.uniform(1 - noise, 1 + noise) for task, took in minutes.items()}
        dags.append(Dag(needs, minutes, told))
    return dags


def _minutes(rng: Random) -> float:
    while not 1.0 <= (drawn := 12.0 * math.exp(rng.gauss(0.0, 0.8))) <= 60.0:
        pass
    return drawn


def _layered(rng: Random, size: int) -> dict[str, tuple[str, ...]]:
    needs: dict[str, tuple[str, ...]] = {}
    before: list[str] = []
    widest = rng.randint(6, 18)
    while len(needs) < size:
        layer = [f"T{len(needs) + step}" for step in range(min(rng.randint(2, widest), size - len(needs)))]
        for task in layer:
            needs[task] = tuple(rng.sample(before, min(len(before), rng.randint(1, 3))))
        before = layer
    return needs


def _series_parallel(rng: Random, size: int) -> dict[str, tuple[str, ...]]:
    needs: dict[str, tuple[str, ...]] = {}

    def add(after: tuple[str, ...]) -> tuple[str, ...]:
        name = f"T{len(needs)}"
        needs[name] = after
        return (name,)

    def grow(count: int, after: tuple[str, ...]) -> tuple[str, ...]:
        """Hang ``count`` tasks behind ``after``; returns those at the end."""
        if count <= 3:
            for _ in range(count):
                after = add(after)
            return after
        if rng.random() < 0.55:
            cut = rng.randint(1, count - 1)
            return grow(count - cut, grow(cut, after))
        cuts = sorted(rng.randint(0, count) for _ in range(rng.randint(2, 5)))
        sizes = [end - begin for begin, end in pairwise([0, *cuts, count])]
        return tuple(end for arm in sizes if arm for end in grow(arm, after))[:5]

    grow(size, ())
    return needs


def _phases(rng: Random, size: int) -> dict[str, tuple[str, ...]]:
    needs: dict[str, tuple[str, ...]] = {}
    gate: tuple[str, ...] = ()
    phases = rng.randint(2, 5)
    for phase in range(1, phases + 1):
        ends = []
        while len(needs) < size * phase // phases:
            last = gate
            for _ in range(rng.randint(3, 10)):
                name = f"T{len(needs)}"
                needs[name] = last
                last = (name,)
            ends.append(last[0])
        name = f"T{len(needs)}"
        needs[name] = tuple(ends)
        gate = (name,)
    return needs


def by_board(dag: Dag, jobs: int) -> float:
    """Minutes until all is done when the board itself hands out the tasks, knowing only what is told."""
    board = Board()
    for order, (task, needs) in enumerate(dag.needs.items()):
        board.apply(
            facts.TaskAdded(
                task=task, order=order, title=task, priority=2, digest="0", needs=needs, estimate_hours=dag.told[task] / 60
            ),
            0.0,
        )
    board.open()
    now, busy = 0.0, list[tuple[float, str]]()
    while True:
        for task in board.take(jobs - len(busy)):
            claimed = facts.AttemptClaimed(task=task, attempt=f"{task}.1", number=1, agent="a")
            board.apply(claimed, now)
            heapq.heappush(busy, (now + dag.minutes[task], task))
        if not busy:
            return now
        now, task = heapq.heappop(busy)
        board.apply(facts.TaskLanded(task=task, attempt=f"{task}.1"), now)


def first_come(dag: Dag, jobs: int) -> float:
    """Minutes until all is done when what became ready first is begun first."""
    followers, missing = dependents(dag.needs), {task: len(needs) for task, needs in dag.needs.items()}
    line = [task for task, count in missing.items() if count == 0]
    now, busy = 0.0, list[tuple[float, str]]()
    while line or busy:
        while line and len(busy) < jobs:
            heapq.heappush(busy, (now + dag.minutes[line[0]], line.pop(0)))
        now, done = heapq.heappop(busy)
        for follower in followers[done]:
            missing[follower] -= 1
            if missing[follower] == 0:
                line.append(follower)
    return now


def in_waves(dag: Dag, jobs: int) -> float:
    """Minutes until all is done when a level of the graph is begun after the last task of the one before it."""
    level: dict[str, int] = {}
    for task in topological(dag.needs):
        level[task] = 1 + max((level[need] for need in dag.needs[task]), default=0)
    whole = 0.0
    for wave in range(1, max(level.values()) + 1):
        lanes = [0.0] * jobs
        for task in (task for task in dag.needs if level[task] == wave):
            heapq.heapreplace(lanes, lanes[0] + dag.minutes[task])
        whole += max(lanes)
    return whole


def one_by_one(dag: Dag, _jobs: int) -> float:
    """Minutes of one worker, in any order: it tells how narrow a graph is."""
    return dag.work


POLICIES: Mapping[str, Callable[[Dag, int], float]] = {
    "the board": by_board,
    "first come": first_come,
    "waves": in_waves,
    "one by one": one_by_one,
}


def quality(dags: Sequence[Dag], jobs: int, policy: Callable[[Dag, int], float]) -> tuple[float, float]:
    """How far from the bound: the mean, and what 95 % of the graphs stay within."""
    ratios = [policy(dag, jobs) / dag.bound(jobs) for dag in dags]
    return sum(ratios) / len(ratios), late(ratios)


def late(ratios: Sequence[float]) -> float:
    """What 95 % of them stay within."""
    return sorted(ratios)[math.ceil(0.95 * len(ratios)) - 1]
