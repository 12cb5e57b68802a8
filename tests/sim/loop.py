"""An event loop without a clock and without an outside: when nothing is ready, time jumps to the next timer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, TypeVar

from .world import Stop, World

T = TypeVar("T")

_RESOLUTION_S = 1e-9


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs on the world's time. What nobody hears of (an exception in a callback) breaks the simulation."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[asyncio.TimerHandle] = []
        self.set_exception_handler(self._unheard)

    def time(self) -> float:
        return self._world.now

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """At once: a thread has a clock of its own, and a seed would not tell the same story twice."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._scheduled, timer)
        return timer

    def _run_once(self) -> None:
        """What the loop below us does, as far as it is needed here: a story is mostly turns of the loop."""
        ready, timers, world = self._ready, self._scheduled, self._world
        if not ready:
            while timers and timers[0].cancelled():
                heappop(timers)
            if not timers:
                world.violate("everybody waits and nothing will ever happen")
            world.now += max(0.0, timers[0].when() - world.now)
            world.check_time()
        while timers and timers[0].when() < world.now + _RESOLUTION_S:
            ready.append(heappop(timers))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _unheard(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), Stop) and not self._world.dead:
            self._world.violate(f"nobody heard of it: {context['message']}: {context.get('exception')!r}")


def live(world: World, work: Coroutine[Any, Any, T]) -> T:
    """One engine's life. When it is killed, nothing of it runs any more, not even a ``finally`` that does anything."""
    loop = VirtualLoop(world)
    world.loop = loop
    try:
        return loop.run_until_complete(work)
    finally:
        world.loop = None
        was, world.dead = world.dead, True
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            assert isinstance(coroutine, Coroutine)
            try:
                coroutine.close()
            except (Stop, Exception):
                continue  # the dead do not matter
        loop._ready.clear()
        loop._scheduled.clear()
        loop.close()
        world.dead = was
