"""Calls that block, on a thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from chargehand.process.thread import on_a_thread


def test_who_is_cancelled_leaves_when_his_call_is_done() -> None:
    """Else the checkout he had begun were met, half made, by the next one there."""
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        assert may_end.wait(20)
        done.set()

    async def story() -> None:
        work = asyncio.ensure_future(on_a_thread(call))
        await asyncio.to_thread(begun.wait, 20)
        for _ in range(2):  # said twice it is no other thing
            work.cancel()
            await asyncio.wait({work}, timeout=0.01)
        assert not work.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert done.is_set()

    asyncio.run(story())


def test_what_it_gives_or_raises_is_the_call_s() -> None:
    assert asyncio.run(on_a_thread(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(on_a_thread(divmod, 7, 0))
