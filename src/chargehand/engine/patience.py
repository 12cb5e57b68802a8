"""Patience with storage: what a full or read-only disk refuses is tried again until it goes, or the limit is reached.

Every blocking call of the engine is idempotent by its key (attempt, commit, expected old ref), so it may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from chargehand.engine.crew import Offload
from chargehand.model.errors import StorageProblem
from chargehand.ports import Clock

P = ParamSpec("P")
T = TypeVar("T")

STEP_S = 1.0
"""Seconds between two tries."""


async def _here(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """An :class:`Offload` to nowhere."""
    return function(*args, **kwargs)


class Patience:
    """An :class:`Offload` that waits for storage, ``limit_s`` in a row at most. ``tell`` hears each reason once."""

    def __init__(self, offload: Offload, clock: Clock, limit_s: float, tell: Callable[[str], None]) -> None:
        self._offload, self._clock, self.limit_s, self._tell = offload, clock, limit_s, tell
        self._told = ""

    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._patiently(self._offload, function, *args, **kwargs)

    async def here(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for something quick, on the loop itself."""
        return await self._patiently(_here, function, *args, **kwargs)

    async def _patiently(self, offload: Offload, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        waited = 0.0
        while True:
            try:
                result = await offload(function, *args, **kwargs)
            except StorageProblem as problem:
                if waited >= self.limit_s:
                    raise
                self.complain(problem)
                await self._clock.sleep(STEP_S)
                waited += STEP_S
            else:
                self._told = ""
                return result

    def complain(self, problem: StorageProblem) -> None:
        """Say once what is waited for."""
        if problem.message != self._told:
            self._told = problem.message
            self._tell(f"waiting for storage: {problem.message} ({problem.hint})")
