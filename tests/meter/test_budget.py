"""A budget is a ceiling: it is looked at before a request leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import cast

from aiohttp import web

from chargehand.ports import Agent, Allowance, Api
from tests.meter.world import COST, Speaker, World, crash, message, world


def test_an_empty_pot_lets_nothing_out(tmp_path: Path, house: Path) -> None:
    kinds: list[tuple[Api, str, str, str]] = [
        ("anthropic", "/v1/messages", "type", "permission_error"),
        ("openai", "/v1/responses", "code", "budget_exhausted"),
        ("gemini", "/v1beta/models/test-model:generateContent", "status", "PERMISSION_DENIED"),
    ]

    async def run() -> None:
        async with world(tmp_path, house) as here:
            for api, path, field, word in kinds:
                gateway = await here.admit(api, api, run=1.0, day=0.0)
                status, body = await here.ask(gateway, path)
                assert status == 403
                told = json.loads(body)["error"]
                assert told[field] == word
                assert "day" in told["message"]
                used = await here.client.dismiss(here.place(api))
                assert used.refused
                assert (used.refused.kind, "day" in used.refused.message) == ("budget", True)
                assert used.requests == 0
            assert here.provider.seen == []

    asyncio.run(run())


def test_tokens_are_capped_as_well(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(tokens={"task:T-1": 1641})
            assert [(await here.ask(gateway))[0] for _ in range(3)] == [200, 200, 403]
            refused = (await here.client.dismiss(here.place())).refused
            assert refused is not None
            assert "task:T-1" in refused.message

    asyncio.run(run())


def test_calls_share_a_pot(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            one, two = await here.admit("one", run=COST * 1.5), await here.admit("two", run=COST * 1.5)
            assert (await here.ask(one))[0] == 200
            assert (await here.ask(two))[0] == 200
            assert (await here.ask(one))[0] == (await here.ask(two))[0] == 403

    asyncio.run(run())


def test_what_a_call_spent_counts_until_it_is_charged(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            one, two = await here.admit("one", run=COST * 1.5), await here.admit("two", run=COST * 1.5)
            assert (await here.ask(one))[0] == 200
            assert (await here.ask(two))[0] == 200
            await here.client.dismiss(here.place("one"))
            assert (await here.ask(two))[0] == 403
            os.kill(here.pid(), signal.SIGKILL)
            three = await here.admit("three", run=COST * 1.5)
            assert (await here.ask(three))[0] == 403
            await here.client.settle(here.place("one"), lambda: Allowance(usd={"run": COST * 1.5}))
            assert (await here.ask(three))[0] == 200
            assert (await here.client.dismiss(here.place("three"))).refused is None

    asyncio.run(run())


def test_an_engine_that_comes_back_has_charged_what_the_last_one_dismissed(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            one, _ = await here.admit("one", run=COST * 1.5), await here.admit("two", run=COST * 1.5)
            assert (await here.ask(one))[0] == 200
            await here.client.dismiss(here.place("one"))
            crash(here.client)
            two = await here.admit("two", client=here.engine(), run=COST * 0.5)
            assert [(await here.ask(two))[0] for _ in range(2)] == [200, 403]

    asyncio.run(run())


def test_what_the_last_engine_dismissed_counts_until_the_next_one_tells_what_is_left(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            one, two = await here.admit("one", run=COST * 1.5), await here.admit("two", run=COST * 1.5)
            assert (await here.ask(one))[0] == 200
            await here.client.dismiss(here.place("one"))
            crash(here.client)
            await here.admit("three", client=here.engine(), day=COST)
            assert [(await here.ask(two))[0] for _ in range(2)] == [200, 403]

    asyncio.run(run())


def test_what_is_left_is_asked_for_when_it_is_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            left = {"run": 0.0}
            agent = cast("Agent", Speaker("anthropic", "anthropic"))
            gateway = await here.client.admit(here.place(), agent, lambda: Allowance(usd=dict(left)), caged=False)
            assert gateway
            assert (await here.ask(gateway))[0] == 403
            left["run"] = 1.0  # a cap is raised, and the meter dies: it hears of the new one
            pid = here.pid()
            os.kill(pid, signal.SIGKILL)
            await here.admit("two")
            assert (await here.ask(gateway))[0] == 200

    asyncio.run(run())


def test_being_told_anew_does_not_forget_what_live_calls_spent(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            one = await here.admit("one", run=COST * 1.5)
            assert (await here.ask(one))[0] == 200
            two = await here.admit("two", run=COST * 1.5)
            await here.client.settle(here.place("other"), lambda: Allowance(usd={"run": COST * 1.5}))
            assert (await here.ask(two))[0] == 200
            assert (await here.ask(one))[0] == 403

    asyncio.run(run())


class Slow:
    """A provider whose answers wait for ``go``."""

    def __init__(self, here: World) -> None:
        self.go = asyncio.Event()
        self.here = here
        here.provider.handler = self.serve

    async def serve(self, request: web.Request) -> web.StreamResponse:
        await self.go.wait()
        return await message(request)

    async def arrived(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.here.provider.seen) < count:
                await asyncio.sleep(0.01)


def test_in_parallel_a_cap_is_exceeded_by_at_most_one_request_of_each_agent(tmp_path: Path, house: Path) -> None:
    agents, requests = 4, 6

    async def run() -> None:
        async with world(tmp_path, house) as here:
            for left in (0.1, 2.5, 6.5):
                gateways = [await here.admit(f"{left}-{number}", run=COST * left) for number in range(agents)]
                slow = Slow(here)
                here.provider.seen.clear()
                body = {"model": "test-model", "max_tokens": 100, "messages": "x" * 1600}
                asking = [asyncio.create_task(here.ask(gateway, body=body)) for gateway in gateways for _ in range(requests)]
                await slow.arrived(agents)
                slow.go.set()
                statuses = [status for status, _ in await asyncio.gather(*asking)]
                paid = statuses.count(200)
                assert statuses.count(403) == agents * requests - paid
                assert left <= paid < left + agents
                assert len(here.provider.seen) == paid
                for number in range(agents):
                    await here.client.dismiss(here.place(f"{left}-{number}"))
                    await here.client.settle(here.place(f"{left}-{number}"), Allowance)

    asyncio.run(run())


def test_a_second_request_of_the_same_call_leaves_at_once_when_there_is_enough(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(run=1000.0)
            slow = Slow(here)
            asking = [asyncio.create_task(here.ask(gateway)) for _ in range(5)]
            await slow.arrived(5)
            slow.go.set()
            assert [status for status, _ in await asyncio.gather(*asking)] == [200] * 5

    asyncio.run(run())


def test_nothing_leaves_that_could_not_be_billed(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            (here.place() / "meter.jsonl").symlink_to("/dev/full")
            status, body = await here.ask(gateway)
            assert (status, b"bill" in body) == (503, True)
            assert here.provider.seen == []
            (here.place() / "meter.jsonl").unlink()

    asyncio.run(run())
