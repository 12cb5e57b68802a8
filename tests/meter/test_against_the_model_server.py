"""What the meter counts is what the scripted provider of the test kit says it sold, in every protocol, whole and streamed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from chargehand.model.config import AgentConfig
from chargehand.ports import Api
from tests.kit.modelserver import MODEL, ModelServer
from tests.meter.world import SECRET, world

SAID = "say hello"
ASKED: list[tuple[Api, str, dict[str, Any]]] = [
    ("anthropic", "/v1/messages", {"model": MODEL, "max_tokens": 99, "messages": [{"role": "user", "content": SAID}]}),
    ("openai", "/v1/responses", {"model": MODEL, "input": SAID}),
    ("openai", "/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": SAID}]}),
    ("gemini", f"/v1beta/models/{MODEL}:generateContent", {"contents": [{"role": "user", "parts": [{"text": SAID}]}]}),
    (
        "gemini",
        f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": SAID}]}]},
    ),
]


def test_both_count_the_same(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        with ModelServer(key=SECRET, scenario="say:hello") as server:
            async with world(tmp_path, house) as here:
                for api in ("anthropic", "openai", "gemini"):
                    here.agents[api] = AgentConfig(kind="claude", url=server.url)
                for number, (api, path, body) in enumerate(ASKED):
                    gateway = await here.admit(f"call-{number}", api)
                    for stream in (False, True) if api != "gemini" else (False,):
                        said = {**body, "stream": True} if stream else body
                        status, text = await here.ask(gateway, path, said, authorization=f"Bearer {gateway.key}")
                        assert status == 200, text
                    sold = server.spent()
                    server.requests.clear()
                    used = await here.client.dismiss(here.place(f"call-{number}"))
                    assert (used.usage.input_tokens, used.usage.output_tokens) == (sold.input, sold.output), path
                    paid = [line for line in here.bill(f"call-{number}") if line["type"] == "paid"]
                    assert not any(line.get("estimated") for line in paid), path
                    assert sum(line["tokens"].get("cache_write", 0) for line in paid) == sold.cache_write, path

    asyncio.run(run())
