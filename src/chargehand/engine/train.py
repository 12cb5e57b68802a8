"""The merge queue as a train: each car stands on the one before it, as if that had landed already.

Cars are judged at once, one by one or in groups (``plan.queueing`` decides), and land in order. One that fails on what is ahead of
it steps aside until that has landed (then it is true) or has failed itself (then it is judged again without it); those behind go on
without it. So a landing never waits for another one's gates, and the target only ever becomes a commit that was judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass, field

from chargehand.model.task import Task
from chargehand.plan import queueing
from chargehand.plan.cards import Attempt
from chargehand.plan.queueing import Claim, Mark, Place, Reach


@dataclass(eq=False)
class Car:
    """An attempt on its way. ``candidate`` is what it would make of the target (empty: not made yet), ``aside`` that it failed.

    ``seen``: it may be carried by one behind it. ``boards``: it lands at this moment, and does not change any more. ``meets``: the
    cars that were before it and touch what it touches (None: all).
    """

    task: Task
    attempt: Attempt
    claim: Claim
    reach: Reach
    kind: Hashable = None
    meets: Set[Car] | None = None
    candidate: str = ""
    mark: Mark = "open"
    seen: bool = False
    aside: bool = False
    boards: bool = False
    landed: bool = False

    def begin(self) -> None:
        """It is made anew."""
        self.candidate, self.mark, self.seen, self.aside = "", "open", False, False

    def step_aside(self) -> None:
        self.candidate, self.aside = "", True


@dataclass
class Train:
    """``tip`` is the target as far as we know. Whoever changes anything calls :meth:`moved`. ``most``: the size of a group.
    ``lanes``: cars that do not meet go past each other, whatever else has landed meanwhile."""

    most: int = 1
    lanes: bool = False
    tip: str = ""
    cars: list[Car] = field(default_factory=list)
    past: set[str] = field(default_factory=set)
    """What the target was, and what landed under another name."""
    size: int = field(init=False)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.size = min(2, self.most)  # all of them were judged before they came: failures are rare, until they are not

    # -- coming and going ---------------------------------------------------------------------------------------------------

    def join(self, car: Car) -> None:
        """Behind all that are judged, or were; among the others at the end, or before one it gets in the way of."""
        begun = next((n for n in reversed(range(len(self.cars))) if self.cars[n].aside or self.cars[n].mark != "open"), -1) + 1
        begun = max(begun, 1 + max((n for n, one in enumerate(self.cars) if one.boards), default=-1))
        waiting = self.cars[begun:]
        rivals = [n for n, one in enumerate(waiting) if not set(one.reach.files).isdisjoint(car.reach.files)]
        self.cars.insert(begun + queueing.slot([one.claim for one in waiting], rivals, car.claim), car)
        self.moved()

    def leave(self, car: Car) -> None:
        """It has landed, or will not."""
        if car in self.cars:
            self.cars.remove(car)
            self.moved()

    def moved(self, tip: str = "") -> None:
        """Something changed; those who wait look again."""
        self.tip = tip or self.tip
        self.past.add(self.tip)
        self._change.set()
        self._change = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change."""
        await self._change.wait()

    # -- as it stands -------------------------------------------------------------------------------------------------------

    def ahead(self, car: Car) -> Car | None:
        """What it stands on: the nearest car before it that has not failed. None: the target itself."""
        before = self.cars[: self.cars.index(car)]
        return next((one for one in reversed(before) if not one.aside and (car.meets is None or one in car.meets)), None)

    def sound(self, car: Car, base: str) -> bool:
        """Whether what it was built on is still what it stands on."""
        if car.boards:
            return True
        if car not in self.cars:
            return False
        ahead = self.ahead(car)
        return base == ahead.candidate if ahead else base == self.tip or (self.lanes and base in self.past)

    def stack(self, car: Car) -> list[Car]:
        """Those that stand on one another, with this car, from the target up to the first that is not ready."""
        if self.lanes:
            return list(self._down(car))[::-1]
        cars = [one for one in self.cars if not one.aside]
        return cars[: next((n for n, one in enumerate(cars) if not (one.candidate and one.seen)), len(cars))]

    def _down(self, car: Car) -> Iterator[Car]:
        on: Car | None = car
        while on is not None:
            yield on
            on = self.ahead(on)

    def group(self, car: Car) -> list[Car]:
        """The car, and those ahead of it for whom its judgement speaks."""
        stack, places = self._places(car)
        return [stack[n] for n in queueing.group(places, stack.index(car))] if car in stack else [car]

    def _places(self, car: Car) -> tuple[list[Car], list[Place]]:
        stack = self.stack(car)
        return stack, [Place(one.mark, one.kind) for one in stack]

    # -- waiting ------------------------------------------------------------------------------------------------------------

    async def turn(self, car: Car, base: str) -> bool:
        """Wait until it is to be judged. False when what it was built on is gone, or it has landed with one behind it."""
        while self.sound(car, base) and not car.landed:
            if not car.boards and car.mark == "open":
                self._ask(*self._places(car))
            if car.mark in {"asked", "probed"}:
                return True
            await self.change()
        return False

    def _ask(self, stack: list[Car], places: list[Place]) -> None:
        """Tell all whose turn it is, at once: each of them counts for the others."""
        turns = queueing.wanted(places, self.size)
        for index in turns:
            stack[index].mark = "probed" if any(place.mark == "fail" for place in places) else "asked"
        if turns:
            self.moved()

    def told(self, car: Car, *, passed: bool, counts: bool) -> None:
        """It was judged. ``counts``: in the queue, and so tells how often that goes well."""
        if counts and car.mark == "asked":
            self.size = queueing.grown(self.size, passed, self.most)
        car.mark = "pass" if passed else "fail"
        self.moved()

    async def blamed(self, car: Car, base: str) -> bool:
        """Wait until its failure is its own, as far as is known. False when what it was built on is gone."""
        while self.sound(car, base):
            stack, places = self._places(car)
            found = queueing.blamed(places)
            if found is not None and stack[found] is car:
                return True
            await self.change()
        return False

    async def due(self, car: Car, base: str) -> bool:
        """Wait until it is to land, with those it speaks for. False when what it was built on is gone."""
        while self.sound(car, base):
            stack, places = self._places(car)
            if car in stack and queueing.landing(places) == stack.index(car) + 1:
                return True
            await self.change()
        return False

    async def first(self, car: Car, base: str) -> bool:
        """Wait until nothing is ahead any more. False when what it was built on is gone."""
        while self.sound(car, base):
            if self.ahead(car) is None:
                return True
            await self.change()
        return False

    async def lost(self, car: Car, base: str) -> None:
        """Wait until what it was built on is gone."""
        while self.sound(car, base):
            await self.change()
