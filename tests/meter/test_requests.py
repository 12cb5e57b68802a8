"""Requests through the meter: where they go, with which key, and what of them is changed."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from chargehand.agents.meter import routes
from chargehand.model.config import AgentConfig
from chargehand.ports import CAGED_GATEWAY, Agent, Allowance, Api
from tests.meter.world import COST, SECRET, Speaker, sse, world


def test_a_request_is_passed_on_with_the_real_key_and_billed(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            status, body = await here.ask(gateway, "/v1/messages?beta=true", x_api_key=gateway.key, anthropic_beta="b1")
            assert status == 200, body
            assert json.loads(body)["usage"]["input_tokens"] == 1000
            ((path, headers, _),) = here.provider.seen
            assert path == "/v1/messages?beta=true"
            assert headers["x-api-key"] == SECRET
            assert headers["anthropic-beta"] == "b1"
            assert headers["accept-encoding"] == "identity"
            used = await here.client.dismiss(here.place())
            assert used.requests == 1
            assert used.usage.input_tokens == 1600
            assert used.usage.output_tokens == 40
            assert used.usage.cost_usd == pytest.approx(COST)
            assert (await here.ask(gateway))[0] == 401

    asyncio.run(run())


CHAT_USAGE = {"prompt_tokens": 1500, "prompt_tokens_details": {"cached_tokens": 500}, "completion_tokens": 40}
RESPONSES_USAGE = {"input_tokens": 1500, "input_tokens_details": {"cached_tokens": 500}, "output_tokens": 40}
GEMINI_USAGE = {"promptTokenCount": 1500, "cachedContentTokenCount": 500, "candidatesTokenCount": 30, "thoughtsTokenCount": 10}
GEMINI = "/v1beta/models/test-model:"
GEMINI_EVENT = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}], "usageMetadata": GEMINI_USAGE}


PROTOCOLS: list[tuple[Api, str, bool, Any]] = [
    ("openai", "/v1/chat/completions", False, {"object": "chat.completion", "choices": [], "usage": CHAT_USAGE}),
    ("openai", "/chat/completions", True, sse({"choices": []}, {"choices": [], "usage": CHAT_USAGE}, "[DONE]")),
    ("openai", "/v1/responses", False, {"object": "response", "usage": RESPONSES_USAGE}),
    ("openai", "/responses", True, sse({"type": "response.completed", "response": {"usage": RESPONSES_USAGE}})),
    ("gemini", GEMINI + "generateContent", False, GEMINI_EVENT),
    ("gemini", GEMINI + "streamGenerateContent?alt=sse", True, sse(GEMINI_EVENT)),
    ("gemini", GEMINI + "streamGenerateContent", False, [{"candidates": []}, GEMINI_EVENT]),
]


def test_each_protocol_is_counted(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            for number, (api, path, stream, answer) in enumerate(PROTOCOLS):

                async def handler(_: web.Request, stream: bool = stream, answer: Any = answer) -> web.StreamResponse:
                    kind = "text/event-stream" if stream else "application/json"
                    return web.Response(body=answer if stream else json.dumps(answer).encode(), content_type=kind)

                here.provider.handler = handler
                gateway = await here.admit(f"call-{number}", api)
                name = "x-goog-api-key" if api == "gemini" else "authorization"
                proof = gateway.key if api == "gemini" else f"Bearer {gateway.key}"
                body = {"model": "test-model", "stream": stream, "messages": []}
                status, text = await here.ask(gateway, path, body, **{name: proof})
                assert status == 200, text
                _, headers, _ = here.provider.seen[-1]
                assert headers[name] == (SECRET if api == "gemini" else f"Bearer {SECRET}"), path
                paid = here.bill(f"call-{number}")[-1]
                assert paid["tokens"] == {"input": 1000, "cached": 500, "output": 40}, path
                assert paid["usd"] == pytest.approx((1000 * 10 + 500 * 1 + 40 * 100) / 1e6)
                assert "estimated" not in paid

    asyncio.run(run())


def test_a_key_in_the_address_is_taken_out_of_it(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(api="gemini")
            await here.ask(gateway, f"{GEMINI}generateContent?key={gateway.key}&alt=json", accept="application/json")
            ((path, headers, _),) = here.provider.seen
            assert path == f"{GEMINI}generateContent?alt=json"
            assert headers["x-goog-api-key"] == SECRET

    asyncio.run(run())


def test_only_a_chat_stream_is_asked_to_tell_its_usage(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(api="openai")
            proof = {"authorization": f"Bearer {gateway.key}"}
            odd = b'{"stream": false,   "model":"test-model", "x": "\xc3\xa4"}'
            await here.ask(gateway, "/v1/chat/completions", odd, **proof)
            await here.ask(gateway, "/v1/chat/completions", {"stream": True, "x": "\u00e4", "stream_options": {"a": 1}}, **proof)
            first, second = (body for _, _, body in here.provider.seen)
            assert first == odd
            assert json.loads(second) == {"stream": True, "x": "\u00e4", "stream_options": {"a": 1, "include_usage": True}}

    asyncio.run(run())


def test_what_is_no_request_to_a_model_stays_here(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            for path in (
                "/v1/messages/batches",
                "/v1/files",
                "/v1/organizations/x",
                "/v1/chat/completions",
                "/v1/messages/../files",
            ):
                status, body = await here.ask(gateway, path)
                assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error"), path
            assert here.provider.seen == []

    asyncio.run(run())


def test_a_wrong_key_gets_nothing(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            for headers in ({"x-api-key": "sk-other"}, {"authorization": "Bearer x"}, {"accept": "*/*"}, {"x-api-key": SECRET}):
                assert (await here.ask(gateway, **headers))[0] == 401
            assert here.provider.seen == []

    asyncio.run(run())


def test_free_requests_cost_nothing(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(run=1.0)
            assert (await here.ask(gateway, "/v1/messages/count_tokens"))[0] == 200
            async with here.session.get(gateway.url + "/v1/models", headers={"x-api-key": gateway.key}) as response:
                assert response.status == 200
            assert len(here.provider.seen) == 2
            assert (await here.client.dismiss(here.place())).requests == 0

    asyncio.run(run())


def test_errors_pass_as_they_come_and_cost_nothing(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:

            async def handler(_: web.Request) -> web.StreamResponse:
                return web.Response(status=400, body=b'{"odd":  1}', headers={"x-what": "ever"}, content_type="application/json")

            here.provider.handler = handler
            gateway = await here.admit()
            async with here.send(gateway) as response:
                assert (response.status, await response.read(), response.headers["x-what"]) == (400, b'{"odd":  1}', "ever")
            used = await here.client.dismiss(here.place())
            assert used.requests == 1
            assert used.usage.cost_usd == 0

    asyncio.run(run())


def test_a_provider_that_cannot_be_reached_costs_nothing(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            here.agents["anthropic"] = AgentConfig(kind="claude", url="http://127.0.0.1:1")
            gateway = await here.admit()
            status, body = await here.ask(gateway)
            assert (status, json.loads(body)["error"]["type"]) == (502, "api_error")
            assert (await here.client.dismiss(here.place())).usage.cost_usd == 0

    asyncio.run(run())


def test_a_compressed_answer_arrives_plain_and_is_counted(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            text = json.dumps({"type": "message", "usage": {"input_tokens": 7, "output_tokens": 3}, "x": "y" * 5000}).encode()

            async def handler(_: web.Request) -> web.StreamResponse:
                headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
                return web.Response(body=gzip.compress(text), headers=headers)

            here.provider.handler = handler
            gateway = await here.admit()
            async with here.send(gateway) as response:
                assert "content-encoding" not in response.headers
                assert await response.read() == text
            assert here.bill()[-1]["tokens"] == {"input": 7, "output": 3}

    asyncio.run(run())


def test_a_compressed_request_passes_untouched_and_is_priced(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            body = gzip.compress(b'{"model": "test-model"}')
            status, _ = await here.ask(gateway, body=body, x_api_key=gateway.key, content_encoding="gzip")
            assert status == 200
            ((_, headers, _),) = here.provider.seen
            assert headers["content-encoding"] == "gzip"
            assert here.bill()[-1]["usd"] == pytest.approx(COST)

    asyncio.run(run())


def test_large_requests_pass(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit()
            for size in (240_000, 50_000_000):
                status, _ = await here.ask(gateway, body={"model": "test-model", "messages": "x" * size})
                assert status == 200
                assert len(here.provider.seen.pop()[2]) > size

    asyncio.run(run())


def test_an_agent_without_key_or_with_a_login_of_its_own_is_not_metered(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            client = here.engine(ambient={})
            agent = cast("Agent", Speaker("anthropic", "anthropic"))
            here.agents["anthropic"] = AgentConfig(kind="claude")
            assert await client.admit(here.place(), agent, Allowance, caged=False) is None
            here.agents["anthropic"] = AgentConfig(kind="claude", login=True)
            assert await here.client.admit(here.place(), agent, Allowance, caged=False) is None
            assert await here.client.admit(here.place(), cast("Agent", Speaker("gemini", "")), Allowance, caged=False) is None
            assert not (here.state / "meter").exists()

    asyncio.run(run())


def test_a_server_of_ones_own_is_metered_without_a_key(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            speaker = Speaker("mine", "anthropic")
            speaker.own_server = here.provider.url
            for agent, model, usd in ((speaker, "local", 0.0), (speaker, "test-model", COST)):
                gateway = await here.client.admit(here.place(model), cast("Agent", agent), Allowance, caged=False)
                assert gateway
                assert (await here.ask(gateway, body={"model": model}))[0] == 200
                path, headers, _ = here.provider.seen.pop()
                assert path == "/v1/messages"
                assert not {"x-api-key", "authorization"} & set(headers), "nobody's key is sent there"
                used = await here.client.dismiss(here.place(model))
                assert used.usage.cost_usd == pytest.approx(usd)
                assert used.usage.output_tokens == 40

    asyncio.run(run())


def test_the_users_variables_say_where_and_how(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            here.agents["anthropic"] = AgentConfig(kind="claude", key="MY_AUTH_TOKEN")
            client = here.engine(ambient={"MY_AUTH_TOKEN": SECRET, "ANTHROPIC_BASE_URL": f"{here.provider.url}/api/v1/"})
            gateway = await here.admit(client=client)
            assert (await here.ask(gateway))[0] == 200
            ((path, headers, _),) = here.provider.seen
            assert path == "/api/v1/messages"
            assert headers["authorization"] == f"Bearer {SECRET}"
            assert "x-api-key" not in headers

    asyncio.run(run())


def test_a_caged_agent_comes_by_the_socket(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            gateway = await here.admit(caged=True)
            assert gateway.url == CAGED_GATEWAY
            reader, writer = await asyncio.open_unix_connection(here.client.socket())
            body = b'{"model": "test-model"}'
            head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {gateway.key}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            assert (await reader.readline()).split()[1] == b"200"
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("api", "upstream", "path", "wanted"),
    [
        ("openai", "https://api.openai.com", "/v1/responses", "https://api.openai.com/v1/responses"),
        ("openai", "https://api.openai.com/v1/", "/responses", "https://api.openai.com/v1/responses"),
        ("openai", "https://x.example/api/paas/v4", "/v1/chat/completions", "https://x.example/api/paas/v4/chat/completions"),
        ("anthropic", "https://api.anthropic.com", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://x.example/anthropic", "/v1/messages", "https://x.example/anthropic/v1/messages"),
        ("gemini", "https://g.example", "/v1beta/models/m:countTokens", "https://g.example/v1beta/models/m:countTokens"),
        ("gemini", "https://g.example/v1beta", "/v1beta/models/m:countTokens", "https://g.example/v1beta/models/m:countTokens"),
    ],
)
def test_addresses_with_and_without_version(api: Api, upstream: str, path: str, wanted: str) -> None:
    asked = routes.route(api, "POST", path)
    assert asked
    assert routes.address(api, upstream, asked, "") == wanted
