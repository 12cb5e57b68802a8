"""Streams pass as they come, and what broke off is charged all the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.meter.world import ANTHROPIC_STREAM, COST, World, sse, world


class Tap:
    """A provider's stream that goes on when the test says so."""

    def __init__(self, here: World) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.hung_up = asyncio.Event()
        here.provider.handler = self.serve

    async def serve(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while (piece := await self.pieces.get()) is not None:
                if not piece and request.transport:
                    request.transport.abort()
                await response.write(piece)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise
        return response


def test_every_piece_is_there_before_the_next_is_sent(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            tap = Tap(here)
            gateway = await here.admit()
            async with here.send(gateway) as response:
                assert response.headers["content-type"] == "text/event-stream"
                for event in ANTHROPIC_STREAM:
                    await tap.pieces.put(sse(event))
                    assert await response.content.readany() == sse(event)
                # The agent has the last event; the charge is on disk although the connection is still open.
                assert [line["type"] for line in here.bill()] == ["left", "paid"]
                assert here.bill()[-1]["usd"] == pytest.approx(COST)
                await tap.pieces.put(None)
                assert await response.content.readany() == b""

    asyncio.run(run())


def test_a_stream_that_is_cut_is_cut_for_the_agent_and_charged(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            tap = Tap(here)
            gateway = await here.admit()
            for piece in (sse(*ANTHROPIC_STREAM[:2]), b""):
                await tap.pieces.put(piece)
            with pytest.raises(aiohttp.ClientError):
                async with here.send(gateway) as response:
                    await response.read()
            paid = here.bill()[-1]
            assert paid["estimated"] is True
            assert paid["tokens"] == {"input": 1000, "cached": 500, "cache_write": 100, "output": 100}
            used = await here.client.dismiss(here.place())
            assert (used.usage.input_tokens, used.usage.output_tokens) == (1600, 100)

    asyncio.run(run())


def test_an_agent_that_hangs_up_has_to_pay(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            tap = Tap(here)
            gateway = await here.admit()
            async with here.send(gateway) as response:
                await tap.pieces.put(sse(*ANTHROPIC_STREAM[:2]))
                await response.content.readany()
                response.close()
            await asyncio.wait_for(tap.hung_up.wait(), 10)  # the provider is told to stop
            while len(here.bill()) < 2:
                await asyncio.sleep(0.01)
            assert here.bill()[-1]["tokens"]["output"] == 100

    asyncio.run(run())


def test_a_call_that_is_dismissed_in_the_middle_is_charged_what_came(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            tap = Tap(here)
            gateway = await here.admit()
            async with here.send(gateway) as response:
                await tap.pieces.put(sse(*ANTHROPIC_STREAM[:2]))
                await response.content.readany()
                used = await here.client.dismiss(here.place())
                assert (used.requests, used.usage.output_tokens) == (1, 100)
                with pytest.raises(aiohttp.ClientError):
                    await response.content.read()

    asyncio.run(run())


def test_one_that_never_got_an_answer_is_charged_what_it_sent(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            never = asyncio.Event()

            async def handler(_: web.Request) -> web.StreamResponse:
                await never.wait()
                raise AssertionError

            here.provider.handler = handler
            gateway = await here.admit()
            asking = asyncio.create_task(here.ask(gateway, body={"model": "test-model", "x": "y" * 4000}))
            while not here.provider.seen:
                await asyncio.sleep(0.01)
            used = await here.client.dismiss(here.place())
            assert 1000 <= (used.usage.input_tokens or 0) <= 1020
            with pytest.raises(aiohttp.ClientError):
                await asking

    asyncio.run(run())


def test_an_unknown_model_is_counted_but_has_no_price(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:

            async def handler(_: web.Request) -> web.StreamResponse:
                return web.json_response({"type": "message", "usage": {"input_tokens": 5, "output_tokens": 5}})

            here.provider.handler = handler
            gateway = await here.admit(run=1.0)
            assert (await here.ask(gateway, body={"model": "nobody-knows"}))[0] == 200
            used = await here.client.dismiss(here.place())
            assert used.unpriced
            assert used.usage.cost_usd is None
            assert used.usage.input_tokens == 5

    asyncio.run(run())


def test_the_model_the_provider_names_is_priced_when_the_one_asked_for_is_not_known(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            await here.ask(gateway, body={"model": "some-alias"})
            used = await here.client.dismiss(here.place())
            assert used.usage.cost_usd == pytest.approx(COST)
            assert json.loads(here.provider.seen[0][2])["model"] == "some-alias"

    asyncio.run(run())
