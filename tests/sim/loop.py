"""An event loop without a clock and without an outside: when nothing is ready, time jumps to the next timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .world import Stop, World

T = TypeVar("T")


class _Waiting:
    """Stands where a loop keeps its selector: to wait is to move the clock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            self._world.violate("everybody waits and nothing will ever happen")
        self._world.now += timeout or 0.0
        self._world.check_time()
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs on the world's time. What nobody hears of (an exception in a callback) breaks the simulation."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._selector = _Waiting(world)
        self._clock_resolution = 1e-9
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

    def _process_events(self, event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...

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
        loop._ready.clear()  # type: ignore[attr-defined]
        loop._scheduled.clear()  # type: ignore[attr-defined]
        loop.close()
        world.dead = was
