"""What was recorded can be played without a network."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from chargehand.agents.meter.cassette import key_of
from chargehand.agents.meter.routes import Route
from chargehand.model.errors import EnvironmentProblem
from tests.meter.world import ANTHROPIC_STREAM, COST, SECRET, sse, world


def test_recorded_then_played(tmp_path: Path) -> None:
    cassette = tmp_path / "cassettes" / "one.jsonl"
    stream = b": hello\n\n" + sse(*ANTHROPIC_STREAM)

    async def record() -> list[bytes]:
        async with world(tmp_path / "record") as here:
            count = 0

            async def handler(request: web.Request) -> web.StreamResponse:
                nonlocal count
                count += 1
                if b"stream" in await request.read():
                    return web.Response(body=stream, content_type="text/event-stream", headers={"Set-Cookie": "a=b"})
                return web.json_response({"type": "message", "n": count, "echo": SECRET, "usage": {"input_tokens": count}})

            here.provider.handler = handler
            client = here.engine(record=cassette)
            gateway = await here.admit(client=client)
            bodies: list[object] = [
                {"model": "test-model", "n": 1},
                {"model": "test-model", "n": 1},
                {"model": "test-model", "stream": True},
            ]
            answers = [(await here.ask(gateway, body=body))[1] for body in bodies]
            await client.dismiss(here.place())
            return answers

    async def play(recorded: list[bytes]) -> None:
        async with world(tmp_path / "play") as here:
            client = here.engine(ambient={}, replay=cassette)
            gateway = await here.admit(client=client)
            one = {"n": 1, "model": "test-model"}
            assert (await here.ask(gateway, body={"model": "test-model", "stream": True})) == (200, recorded[2])
            answers = [json.loads((await here.ask(gateway, body=one))[1])["n"] for _ in range(3)]
            assert answers == [1, 2, 2]
            status, body = await here.ask(gateway, body={"model": "test-model", "n": 2})
            assert (status, b"cassette" in body) == (404, True)
            assert here.provider.seen == []
            used = await client.dismiss(here.place())
            assert used.usage.cost_usd == pytest.approx(COST + (1 + 2 + 2) * 10 / 1e6)

    recorded = asyncio.run(record())
    assert recorded[2] == stream
    text = cassette.read_text()
    assert SECRET not in text
    assert "sk-chargehand" not in text
    assert "a=b" not in text
    assert cassette.stat().st_mode & 0o777 == 0o600
    asyncio.run(play(recorded))


def test_a_cassette_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            client = here.engine(replay=tmp_path / "none.jsonl")
            with pytest.raises(EnvironmentProblem, match=r"none\.jsonl"):
                await here.admit(client=client)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            "cwd: /home/a/work/t-1/x.py, id 0123abcd-0123-0123-0123-0123456789ab",
            "cwd: /tmp/y/x.py, id 9999abcd-0123-0123-0123-0123456789ab",
            True,
        ),
        ("Today is 2026-11-21T10:00:00Z", "Today is 2027-01-02", True),
        ("Today's date is Saturday, November 21, 2026.", "Today's date is Monday, June 1, 2027.", True),
        ("commit 1a2b3c4d5e6f", "commit ffffffffff0", True),
        ("3 passed in 0.12s", "3 passed in 1.3s", True),
        ("3 passed", "4 passed", False),
        ("write hello.txt", "write world.txt", False),
        ("decade added", "facade added", False),
    ],
)
def test_what_differs_from_run_to_run_does_not_matter(one: str, other: str, same: bool) -> None:
    route = Route("messages", "v1", "/messages")

    def key(text: str, user: str) -> str:
        return key_of(route, json.dumps({"messages": [{"content": [{"text": text}]}], "metadata": {"user_id": user}}).encode())

    assert (key(one, "a") == key(other, "b")) is same
