"""A real meter process between a small provider in the test and the test as the agent."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp
from aiohttp import web

from chargehand.agents.meter.client import MeterClient
from chargehand.model.config import AgentConfig, PriceConfig
from chargehand.ports import Agent, Allowance, Api, Gateway

SECRET = "sk-real-0123456789abcdef-the-providers"
PRICES = {"test-model": PriceConfig(input=10.0, output=100.0, cached=1.0, cache_write=12.5)}
USED = {"input_tokens": 1000, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 100, "output_tokens": 40}
COST = (1000 * 10 + 500 * 1 + 100 * 12.5 + 40 * 100) / 1e6
"""What a request to ``test-model`` costs that used ``USED``."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Speaker:
    """What the meter looks at in an agent."""

    def __init__(self, name: str, api: Api, turns: int = 0) -> None:
        self.name, self.api, self.turns, self.own_server = name, api, turns, ""


class Provider:
    """``handler`` answers; ``seen`` is what came: path with query, headers, body."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.handler: Handler = message

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append((request.path_qs, {name.lower(): value for name, value in request.headers.items()}, body))
        return await self.handler(request)

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[Provider]:
        app = web.Application(client_max_size=512 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


async def message(request: web.Request) -> web.StreamResponse:
    """An answer of Anthropic in one piece."""
    return web.json_response({"type": "message", "model": "test-model", "content": [], "usage": USED})


def sse(*events: object) -> bytes:
    texts = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return b"".join(f"data: {text}\n\n".encode() for text in texts)


ANTHROPIC_STREAM = (
    {"type": "message_start", "message": {"model": "test-model", "usage": {**USED, "output_tokens": 1}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 400}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
)


class World:
    """``client`` is the engine's; ``ask`` is what an agent does."""

    def __init__(self, tmp_path: Path, provider: Provider, house: Path | None) -> None:
        self.root, self.provider = tmp_path, provider
        self.state = house or tmp_path / ".chargehand"
        self._linger_s = 60.0 if house else 0.3
        self.session = aiohttp.ClientSession()
        self.clients: list[MeterClient] = []
        self.agents = {api: AgentConfig(kind="claude", url=provider.url) for api in ("anthropic", "openai", "gemini")}
        self.client = self.engine()

    def engine(self, ambient: Mapping[str, str] | None = None, **options: Any) -> MeterClient:
        keys = {"ANTHROPIC_API_KEY": SECRET, "OPENAI_API_KEY": SECRET, "GEMINI_API_KEY": SECRET} if ambient is None else ambient
        client = MeterClient(self.state, self.agents, keys, PRICES, **{"linger_s": self._linger_s, "max_wait_s": 5.0, **options})
        self.clients.append(client)
        return client

    def place(self, name: str = "one") -> Path:
        place = self.root / "calls" / name
        place.mkdir(parents=True, exist_ok=True)
        return place

    async def admit(
        self,
        name: str = "one",
        api: Api = "anthropic",
        *,
        caged: bool = False,
        client: MeterClient | None = None,
        tokens: dict[str, int] | None = None,
        turns: int = 0,
        **pots: float,
    ) -> Gateway:
        """Let a call in; ``pots`` are USD."""
        agent = cast("Agent", Speaker(api, api, turns))
        allowance = Allowance(usd=pots, tokens=tokens or {})
        gateway = await (client or self.client).admit(self.place(name), agent, lambda: allowance, caged=caged)
        assert gateway
        return gateway

    async def ask(self, gateway: Gateway, path: str = "/v1/messages", body: object = None, **headers: str) -> tuple[int, bytes]:
        async with self.send(gateway, path, body, **headers) as response:
            return response.status, await response.read()

    def send(self, gateway: Gateway, path: str = "/v1/messages", body: object = None, **headers: str) -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body or {"model": "test-model", "max_tokens": 100}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()} or {"x-api-key": gateway.key}
        return self.session.post(gateway.url + path, data=io.BytesIO(sent), headers=named)

    def pid(self) -> int:
        return int(json.loads((self.state / "meter" / "meter.json").read_text())["pid"])

    def bill(self, name: str = "one") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.place(name) / "meter.jsonl").read_text().splitlines()]


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    while True:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.02)


def crash(client: MeterClient) -> None:
    """What is seen of an engine that was killed: its connection breaks."""
    client._ways.clear()
    client._live.clear()
    line, client._line = client._line, None
    if line:
        line.close()


@contextlib.asynccontextmanager
async def world(tmp_path: Path, house: Path | None = None) -> AsyncIterator[World]:
    """With a meter of its own, which is gone afterwards, or with that of ``house``, which is left as it is."""
    async with Provider().up() as provider:
        here = World(tmp_path, provider, house)
        try:
            yield here
        finally:
            await here.session.close()
            for place in (tmp_path / "calls").glob("*"):
                await here.clients[-1].dismiss(place)
            pid = here.pid() if (here.state / "meter" / "meter.json").exists() else 0
            for client in here.clients:
                if house:
                    crash(client)
                else:
                    await client.close()
            if pid and not house:
                await asyncio.wait_for(gone(pid), 20)
