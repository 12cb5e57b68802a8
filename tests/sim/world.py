"""What all fakes share: one seed, one clock, one place where things go wrong, and a record of what happened."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NoReturn, ParamSpec, TypeVar

from chargehand.model.errors import EnvironmentProblem, StorageProblem

P = ParamSpec("P")
T = TypeVar("T")

_STEPS = 30_000
_SECONDS = 40_000.0
EPOCH = 1_800_000_000.0


class Stop(SystemExit):
    """Leaves an event loop at once, past every handler of the engine."""


class Crash(Stop):
    """kill -9."""


class Violation(Stop):
    """A promise was broken."""


class World:
    """Everything a seed decides, and what became of it. ``storm`` is on while things may go wrong."""

    def __init__(self, seed: int, trace: Callable[[str], None] | None = None) -> None:
        self.seed, self.rng, self._trace = seed, Random(seed), trace
        pick = self.rng.choice
        self.now, self.skew, self.steps, self.lives, self.faults = 0.0, 0.0, 0, 0, 0
        self.dead, self.storm = False, True
        self.loop: asyncio.AbstractEventLoop | None = None
        self.tally: Counter[str] = Counter()
        self.violations: list[str] = []
        self.user_acts: Callable[[], None] = lambda: None
        self.on_crash: Callable[[], None] = lambda: None
        self.crashes_left = pick((0, 1, 3, 6))
        self.crash_rate = pick((0.003, 0.01, 0.04))
        self.fault_rate = pick((0.0, 0.0, 0.002, 0.02))
        self.user_rate = pick((0.0, 0.005, 0.02, 0.05))
        self.delay_rate = pick((0.0, 0.2, 0.6))
        self.crowded = self.chance(0.06)
        """Many want to land at once, and gates take long."""

    # -- chance -------------------------------------------------------------------------------------------------------------

    def chance(self, rate: float) -> bool:
        return rate > 0 and self.rng.random() < rate

    # -- effects ------------------------------------------------------------------------------------------------------------

    def point(self, what: str) -> None:
        """A place between two effects: the engine may die here, and the user may do something."""
        if self.dead:
            raise Crash
        self.steps += 1
        if self.steps > _STEPS:
            self.violate(f"no end after {_STEPS} steps")
        if not self.storm:
            return
        drawn = self.rng.random()
        if drawn < self.crash_rate:
            if self.crashes_left:
                self.crash(what)
        elif drawn < self.crash_rate + self.user_rate:
            self.user_acts()

    def act(self, what: str, effect: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out an effect; before and after it things go wrong."""
        self.point(what)
        if self.storm and self.chance(self.fault_rate):
            self.fault(f"{what} failed", StorageProblem if self.chance(0.5) else EnvironmentProblem)
        result = effect(*args, **kwargs)
        self.point(what)
        if self.storm and self.chance(self.fault_rate / 2):
            self.fault(f"{what} failed after it was done")
        return result

    def fault(self, what: str, kind: type[EnvironmentProblem] = EnvironmentProblem) -> NoReturn:
        self.count(f"fault {kind.code}")
        self.faults += 1
        self.note("fault", kind.code, what)
        raise kind(f"{what} (simulated)")

    def crash(self, where: str) -> NoReturn:
        self.crashes_left -= 1
        self.count("crash")
        self.note("crash", where)
        self.dead = True
        self.on_crash()
        raise Crash

    def check_time(self) -> None:
        if self.now > _SECONDS:
            self.violate(f"no end after {_SECONDS:g} seconds")

    # -- record -------------------------------------------------------------------------------------------------------------

    def count(self, what: str) -> None:
        self.tally[what] += 1

    def note(self, who: str, *what: object) -> None:
        if self._trace:
            self._trace(f"{self.now:9.3f} {self.steps:5d} {who:9s} {' '.join(map(str, what))}")

    def violate(self, what: str) -> NoReturn:
        self.violations.append(what)
        self.note("VIOLATION", what)
        raise Violation(what)


class FakeClock:
    """The port ``Clock`` on the world's time, with a wall clock that may jump."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return EPOCH + self._world.now + self._world.skew

    def elapsed(self) -> float:
        return self._world.now

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        return asyncio.sleep(seconds)
