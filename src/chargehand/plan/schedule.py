"""What a run would look like if every task took as long as somebody says: the board's order, played without a board.

It decides as the engine does: the most urgent ready task first, never more than ``jobs`` at once, and none whose scope meets one
of a task at work.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chargehand.plan import graph
from chargehand.plan.terms import collide


class Work(NamedTuple):
    """A task that is still to do. ``scope``: the globs it may change (empty: not declared, it meets nobody)."""

    id: str
    needs: tuple[str, ...] = ()
    priority: int = 2
    hours: float | None = None
    scope: tuple[str, ...] = ()


class Course(NamedTuple):
    """How it went: the whole took ``end`` seconds. ``chain`` holds the places of the tasks that decided it, from first to last:
    each began the moment the one before it ended."""

    end: float
    chain: list[int]


class Schedule:
    """A graph of work, made ready to be played many times. Tasks are known by their place in ``works``; needs that are not among
    them count as done. Tasks on a cycle never start."""

    def __init__(self, works: Sequence[Work]) -> None:
        self.works = works
        place = {work.id: number for number, work in enumerate(works)}
        needs = {work.id: tuple(need for need in work.needs if need in place) for work in works}
        urgency = graph.urgencies(needs, {w.id: w.priority for w in works}, {w.id: w.hours for w in works})
        order = sorted((urgency[work.id], number) for number, work in enumerate(works) if work.id in urgency)
        self._rank = [len(works)] * len(works)
        for rank, (_, number) in enumerate(order):
            self._rank[number] = rank
        self._by_rank = [number for _, number in order]
        self._missing = [len(needs[work.id]) for work in works]
        followers = graph.dependents(needs)
        self._followers = [[place[name] for name in followers[work.id]] for work in works]
        self._apart = _apart([work.scope for work in works])

    def play(self, jobs: int, seconds: Sequence[float]) -> Course:
        """Work on all of it, ``jobs`` at once; ``seconds`` is how long each takes."""
        missing = self._missing.copy()
        ready = [self._rank[number] for number, count in enumerate(missing) if count == 0]
        heapq.heapify(ready)
        busy: list[tuple[float, int]] = []
        cause = [-1] * len(missing)
        now, last = 0.0, -1
        while ready or busy:
            held: list[int] = []
            while ready and len(busy) < jobs:
                number = self._by_rank[heapq.heappop(ready)]
                if self._apart and self._meets(number, busy):
                    held.append(self._rank[number])
                    continue
                cause[number] = last
                heapq.heappush(busy, (now + seconds[number], number))
            for rank in held:
                heapq.heappush(ready, rank)
            if not busy:
                break
            now, last = heapq.heappop(busy)
            for follower in self._followers[last]:
                missing[follower] -= 1
                if missing[follower] == 0:
                    heapq.heappush(ready, self._rank[follower])
        chain: list[int] = []
        while last >= 0:
            chain.append(last)
            last = cause[last]
        return Course(now, chain[::-1])

    def _meets(self, number: int, busy: Sequence[tuple[float, int]]) -> bool:
        foes = self._apart.get(number, frozenset())
        return any(other in foes for _, other in busy)

    def order(self) -> list[int]:
        """The places of all tasks, in the order one worker would take them."""
        missing = self._missing.copy()
        ready = [self._rank[number] for number, count in enumerate(missing) if count == 0]
        heapq.heapify(ready)
        found: list[int] = []
        while ready:
            number = self._by_rank[heapq.heappop(ready)]
            found.append(number)
            for follower in self._followers[number]:
                missing[follower] -= 1
                if missing[follower] == 0:
                    heapq.heappush(ready, self._rank[follower])
        return found

    def behind(self, number: int) -> int:
        """How many tasks wait for this one, directly or not."""
        reached, line = {number}, [number]
        for one in line:  # grows while it is walked
            for follower in self._followers[one]:
                if follower not in reached:
                    reached.add(follower)
                    line.append(follower)
        return len(reached) - 1


def _apart(scopes: Sequence[tuple[str, ...]]) -> Mapping[int, frozenset[int]]:
    """Which tasks may not be at work together, by place. Equal scopes are compared once."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, scope in enumerate(scopes):
        if scope:
            groups.setdefault(scope, []).append(number)
    apart: dict[int, set[int]] = {}
    for one, mine in groups.items():
        meets = [number for two, theirs in groups.items() if collide(one, two) for number in theirs]
        for number in mine:
            apart[number] = set(meets) - {number}
    return {number: frozenset(foes) for number, foes in apart.items() if foes}
