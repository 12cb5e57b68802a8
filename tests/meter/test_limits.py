"""A provider's limits are waited out once, by all together."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from multidict import CIMultiDict

from chargehand.agents.meter.limits import wait_told
from tests.meter.world import World, message, world

NOW = 1_800_000_000.0
RETRY_INFO = {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "wanted"),
    [
        (429, {"retry-after": "12"}, b"", 12),
        (429, {"Retry-After-Ms": "1500"}, b"", 1.5),
        (429, {"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}, b"", 20),
        (429, {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:30Z"}, b"", 30),
        (429, {"anthropic-ratelimit-tokens-remaining": "5", "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:30Z"}, b"", 0),
        (429, {"anthropic-ratelimit-unified-reset": "1800003600"}, b"", 3600),
        (
            429,
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s", "x-ratelimit-reset-requests": "8ms"},
            b"",
            62.5,
        ),
        (429, {}, json.dumps(RETRY_INFO).encode(), 34.5),
        (429, {}, json.dumps([RETRY_INFO]).encode(), 34.5),
        (429, {"retry-after": "nan"}, b"{broken RetryInfo", 0),
        (429, {"retry-after": "-5"}, b"", 0),
        (429, {}, b'{"error": {"code": "insufficient_quota"}}', None),
        (529, {}, b"", 0),
        (503, {}, b"", None),
        (503, {"retry-after": "3"}, b"", 3),
        (500, {"retry-after": "3"}, b"", None),
        (200, {"retry-after": "3"}, b"", None),
    ],
)
def test_what_a_provider_tells(status: int, headers: Mapping[str, str], body: bytes, wanted: float | None) -> None:
    assert wait_told(status, CIMultiDict(headers), body, NOW) == wanted


class Limited:
    """A provider that refuses for a while; ``asked`` is when requests came."""

    def __init__(self, here: World, *, seconds: float, status: int = 429, headers: Mapping[str, str] | None = None) -> None:
        self.asked: list[float] = []
        self.free_at = 0.0
        self._seconds, self._status = seconds, status
        self._headers = {"retry-after": str(seconds)} if headers is None else headers
        here.provider.handler = self.serve

    async def serve(self, request: web.Request) -> web.StreamResponse:
        now = time.monotonic()
        self.asked.append(now)
        self.free_at = self.free_at or now + self._seconds
        if now < self.free_at:
            return web.json_response({"limited": True}, status=self._status, headers=self._headers)
        return await message(request)


def test_all_wait_and_one_goes_ahead(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateways = [await here.admit(f"call-{number}") for number in range(4)]
            for code in (429, 529, 503):
                limited = Limited(here, seconds=0.4, status=code)
                first = asyncio.create_task(here.ask(gateways[0]))
                while not limited.asked:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
                others = [asyncio.create_task(here.ask(gateway)) for gateway in gateways]
                assert [status for status, _ in await asyncio.gather(first, *others)] == [200] * 5
                # One was refused, nobody asked meanwhile, and every request was answered once.
                assert len(limited.asked) == 6
                assert min(limited.asked[1:]) >= limited.free_at
                assert here.bill("call-0")[-1]["waited_s"] > 0.3

    asyncio.run(run())


def test_the_one_who_goes_ahead_goes_alone(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            # Three times as long as it says: each time one asks, and only one.
            limited = Limited(here, seconds=0.9, headers={"retry-after": "0.3"})
            gateways = [await here.admit(f"call-{number}") for number in range(5)]
            first = asyncio.create_task(here.ask(gateways[0]))
            while not limited.asked:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            others = [asyncio.create_task(here.ask(gateway)) for gateway in gateways[1:]]
            assert [status for status, _ in await asyncio.gather(first, *others)] == [200] * 5
            early = [at for at in limited.asked if at < limited.free_at]
            gaps = [later - earlier for earlier, later in pairwise(early)]
            assert all(gap > 0.25 for gap in gaps), gaps

    asyncio.run(run())


def test_an_account_is_not_held_up_by_another(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            limited = Limited(here, seconds=30.0, headers={"retry-after": "3"})
            one = await here.admit("one")
            waiting = asyncio.create_task(here.ask(one))
            while not limited.asked:
                await asyncio.sleep(0.01)
            limited.free_at = 1.0
            other = here.engine(ambient={"ANTHROPIC_API_KEY": "sk-of-somebody-else-0123456789"})
            two = await here.admit("two", client=other)
            assert (await here.ask(two))[0] == 200
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(run())


def test_what_takes_too_long_is_the_agents_to_know(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            limited = Limited(here, seconds=3600)
            one, two = await here.admit("one"), await here.admit("two")
            async with here.send(one) as response:
                assert (response.status, response.headers["retry-after"]) == (429, "3600")
                assert await response.json() == {"limited": True}
            async with here.send(two) as response:
                assert response.status == 429
                assert 3500 < int(response.headers["retry-after"]) <= 3601
            assert len(limited.asked) == 1
            used = await here.client.dismiss(here.place("one"))
            assert used.usage.cost_usd == 0

    asyncio.run(run())


def test_one_who_gives_up_while_ahead_does_not_keep_the_others(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            limited = Limited(here, seconds=0.3)
            one, two = await here.admit("one"), await here.admit("two")
            hang = asyncio.Event()
            asking = asyncio.create_task(here.ask(one))
            while not limited.asked:
                await asyncio.sleep(0.01)

            async def handler(request: web.Request) -> web.StreamResponse:
                if len(here.provider.seen) == 2:
                    hang.set()
                    await asyncio.sleep(60)
                return await message(request)

            here.provider.handler = handler
            await asyncio.wait_for(hang.wait(), 10)
            other = asyncio.create_task(here.ask(two))
            await asyncio.sleep(0.1)
            assert not other.done()
            await here.client.dismiss(here.place("one"))
            assert (await asyncio.wait_for(other, 10))[0] == 200
            await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(run())
