"""Who asks again, and how often, is not for each program to decide."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from chargehand.model.work import AgentError
from tests.meter.world import World, message, world

OTHER = {"model": "test-model", "max_tokens": 7}


def refusing(here: World, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(body or {}, status=status, headers=headers)

    here.provider.handler = handler


async def refused(here: World, name: str = "one") -> AgentError:
    told = (await here.client.dismiss(here.place(name))).refused
    assert told is not None
    return told


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (500, {}, {}, "server"),
        (503, {}, {}, "capacity"),
        (429, {"retry-after": "3600"}, {}, "rate_limit"),
        (429, {"retry-after": "3600"}, {"error": "usage limit reached"}, "usage_window"),
        (429, {}, {"error": {"code": "insufficient_quota"}}, "quota"),
        (400, {}, {"error": "the prompt is too long"}, "context_overflow"),
        (400, {}, {"error": "there is no such tool"}, "crash"),
    ],
)
def test_a_request_that_was_refused_is_not_sent_again(
    tmp_path: Path, house: Path, status: int, headers: dict[str, str], body: object, kind: str
) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            refusing(here, status, body, headers)
            gateway = await here.admit()
            assert [(await here.ask(gateway))[0] for _ in range(3)] == [status, 403, 403]
            assert len(here.provider.seen) == 1
            told = await refused(here)
            assert told.kind == kind
            assert bool(told.reset_at) == bool(headers), "when to come again is known"

    asyncio.run(run())


def test_another_request_may_leave_and_then_all_is_well(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            refusing(here, 500)
            gateway = await here.admit()
            assert [(await here.ask(gateway))[0] for _ in range(2)] == [500, 403]
            here.provider.handler = message
            assert (await here.ask(gateway, body=OTHER))[0] == 200
            assert (await here.client.dismiss(here.place())).refused is None
            again = await here.admit("two")
            assert (await here.ask(again))[0] == 200, "another attempt begins anew"

    asyncio.run(run())


def test_an_answer_that_broke_off_may_be_asked_for_once_more(tmp_path: Path, house: Path) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: {}\n\n")
        assert request.transport
        request.transport.close()
        return answer

    async def run() -> None:
        async with world(tmp_path, house) as here:
            here.provider.handler = broken
            gateway = await here.admit()
            for _ in range(2):
                with pytest.raises(aiohttp.ClientError):
                    await here.ask(gateway)
            assert (await here.ask(gateway))[0] == 403
            assert (await refused(here)).kind == "network"
            assert len(here.provider.seen) == 2

    asyncio.run(run())


def test_a_context_that_is_full_again_and_again_ends_the_call(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            refusing(here, 400, {"error": "the prompt is too long"})
            gateway = await here.admit()
            bodies = [{"model": "test-model", "max_tokens": number} for number in range(1, 5)]
            assert [(await here.ask(gateway, body=body))[0] for body in bodies] == [400, 400, 400, 403]
            assert (await refused(here)).kind == "context_overflow"

    asyncio.run(run())


def test_turns_are_counted_for_programs_that_cannot(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(turns=2)
            assert [(await here.ask(gateway))[0] for _ in range(3)] == [200, 200, 403]
            assert (await refused(here)).kind == "turn_limit"

    asyncio.run(run())
