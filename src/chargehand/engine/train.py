"""The merge queue as a train: each car stands on the one before it, as if that had landed already, and all are judged at once.

Cars land in order. One that fails on what is ahead of it steps aside until that has landed (then it is true) or has failed itself
(then it is judged again without it); those behind go on without it. So a landing never waits for another one's gates, and what
lands is the very commit that was judged.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(eq=False)
class Car:
    """An attempt on its way. ``candidate`` is what it would make of the target (empty: not made yet), ``aside`` that it failed."""

    candidate: str = ""
    aside: bool = False


@dataclass
class Train:
    """``tip`` is the target as far as we know. Whoever changes anything calls :meth:`moved`."""

    tip: str = ""
    cars: list[Car] = field(default_factory=list)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    def join(self) -> Car:
        """The last car."""
        self.cars.append(Car())
        return self.cars[-1]

    def leave(self, car: Car) -> None:
        """It has landed, or will not."""
        if car in self.cars:
            self.cars.remove(car)
            self.moved()

    def moved(self, tip: str = "") -> None:
        """Something changed; those who wait look again."""
        self.tip = tip or self.tip
        self._change.set()
        self._change = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change."""
        await self._change.wait()

    def ahead(self, car: Car) -> Car | None:
        """What it stands on: the nearest car before it that has not failed. None: the target itself."""
        before = self.cars[: self.cars.index(car)]
        return next((one for one in reversed(before) if not one.aside), None)

    def sound(self, car: Car, base: str) -> bool:
        """Whether what it was built on is still what it stands on."""
        ahead = self.ahead(car)
        return base == (ahead.candidate if ahead else self.tip)

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
