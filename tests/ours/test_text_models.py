"""Ollama and llama.cpp, as far as their protocols go: against servers that speak them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.ports import Room
from chargehand.process.bubblewrap import Bubblewrap
from tests.kit.modelserver import ModelServer
from tests.ours.conftest import KEY, Desk, gateway, way_out

SCHEMA = '{"type": "object", "properties": {"verdict": {"type": "string"}}, "required": ["verdict"]}'
both = pytest.mark.parametrize("kind", ["ollama", "llama"])


def settings(server: ModelServer) -> dict[str, object]:
    return {"url": server.url, "model": "test-model"}


@both
def test_it_answers_and_tells_what_it_used(kind: str, desk: Desk, server: ModelServer) -> None:
    agent = desk.agent(kind, instructions="Be brief.", **settings(server))
    report = desk.run(agent, desk.call("SCENARIO: say:fine", instructions="You review."))
    assert (report.finished, report.answer, report.error, report.turns) == (True, "fine", None, 1)
    spent = server.spent()
    assert report.usage.input_tokens == spent.input
    assert report.usage.output_tokens == spent.output
    assert report.usage.cost_usd == 0.0  # nobody asked for a key
    asked = server.requests[0].asked
    assert asked
    assert asked.turns[0].text == "Be brief.\n\nYou review."
    assert server.requests[0].key == ""


@both
def test_an_answer_by_schema(kind: str, desk: Desk, server: ModelServer) -> None:
    report = desk.run(desk.agent(kind, **settings(server)), desk.call("SCENARIO: answer", schema=SCHEMA))
    assert json.loads(report.answer) == {"verdict": "x"}
    asked = server.requests[0].asked
    assert asked
    assert asked.schema == json.loads(SCHEMA)


@both
@pytest.mark.parametrize(
    ("scenario", "kind_of_error"),
    [
        ("401", "auth"),
        ("404", "model_not_found"),
        ("429", "rate_limit"),
        ("500", "server"),
        ("503", "capacity"),
        ("toolong", "context_overflow"),
    ],
)
def test_what_a_server_says_is_classified(kind: str, scenario: str, kind_of_error: str, desk: Desk, server: ModelServer) -> None:
    report = desk.run(desk.agent(kind, **settings(server)), desk.call(f"SCENARIO: {scenario}"))
    assert report.finished is False
    assert report.error
    assert report.error.kind == kind_of_error
    assert report.error.retry_after_s == (1.0 if scenario == "429" else 0.0)
    assert len(server.requests) == 1  # to try again is not its business


@both
def test_a_server_that_is_not_there(kind: str, desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    agent = desk.agent(kind, url=url, model="m")
    assert f"no server answers at {url}" in agent.preflight()
    report = desk.run(agent, desk.call("hello"))
    assert report.error
    assert report.error.kind == "network"


@both
def test_a_server_that_is_there(kind: str, desk: Desk, server: ModelServer) -> None:
    assert desk.agent(kind, **settings(server)).preflight() == ""


def test_ollama_needs_a_model(desk: Desk, server: ModelServer) -> None:
    assert "no model is named" in desk.agent("ollama", url=server.url).preflight()


def test_ollama_must_have_the_model(desk: Desk, server: ModelServer) -> None:
    reason = desk.agent("ollama", url=server.url, model="another").preflight()
    assert "has no model another (hint: ollama pull another)" in reason
    assert desk.agent("ollama", url=server.url, model="test-model:latest").preflight() == ""


@both
@pytest.mark.parametrize("url", ["localhost", "ftp://x", "http://", "http://x:99999"])
def test_an_address_that_is_none(kind: str, url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="is no address"):
        make_agent("helper", AgentConfig(kind=kind, url=url), tmp_path)  # type: ignore[arg-type]


@both
def test_they_cannot_edit(kind: str, desk: Desk) -> None:
    agent = desk.agent(kind)
    assert (agent.edits, agent.resumes) == (False, False)


def test_llama_goes_through_the_meter(desk: Desk, server: ModelServer) -> None:
    agent = desk.agent("llama", url="http://10.0.0.1/v1", key="SOME_KEY")
    assert (agent.api, agent.own_server) == ("openai", "http://10.0.0.1/v1")
    report = desk.run(agent, desk.call("SCENARIO: say:fine", gateway=gateway(server)), {"https_proxy": "http://127.0.0.1:1"})
    assert report.answer == "fine"
    assert report.usage.cost_usd is None
    assert server.requests[0].key == KEY
    assert server.requests[0].path == "/v1/chat/completions"


def test_a_key_of_another_provider_is_not_sent(desk: Desk, server: ModelServer) -> None:
    desk.run(desk.agent("llama", url=server.url), desk.call("SCENARIO: say:x"), {"OPENAI_API_KEY": KEY})
    assert server.requests[0].key == ""


def test_a_long_prompt_gets_a_context_that_holds_it(desk: Desk, server: ModelServer) -> None:
    agent = desk.agent("ollama", **settings(server))
    desk.run(agent, desk.call("SCENARIO: say:x " + "word " * 40_000))
    desk.run(agent, desk.call("SCENARIO: say:x"))
    long, short = (request.body["options"]["num_ctx"] for request in server.requests)
    assert long >= 200_000 / 3
    assert short == 16384
    assert server.requests[0].body["truncate"] is False


@pytest.mark.skipif(bool(Bubblewrap().preflight()), reason="bubblewrap does not work here")
@both
def test_in_a_cage_the_server_is_reached_by_the_way_out(kind: str, desk: Desk, server: ModelServer) -> None:
    agent = desk.agent(kind, **settings(server))
    port = int(server.url.rpartition(":")[2])
    socket_path = desk.root / "out" / "proxy.sock"
    socket_path.parent.mkdir()

    async def caged() -> Any:
        async with await way_out(socket_path, port):
            room = Room(writable=(str(desk.workspace), str(desk.home)), proxy=str(socket_path), hosts=agent.login_hosts)
            return await asyncio.to_thread(desk.run, agent, desk.call("SCENARIO: say:inside"), None, room)

    desk.home.mkdir()
    report = asyncio.run(caged())
    assert report.answer == "inside", (desk.place / "stdout.log").read_text()


# --- servers that behave as the model server of the kit does not ------------------------------------------------------------------


def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> tuple[ThreadingHTTPServer, str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer(self)

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    return http, f"http://127.0.0.1:{http.server_address[1]}"


def told(*lines: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write("".join(f"{line}\n" for line in lines).encode())

    return answer


PART = '{"message": {"role": "assistant", "content": "half"}, "done": false}'
DONE = '{"message": {"content": ""}, "done": true, "done_reason": "length", "prompt_eval_count": 7, "eval_count": 3}'
THOUGHT = '{"message": {"content": "", "thinking": "hm"}, "done": false}'


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([PART], "network"),
        ([PART, DONE], "context_overflow"),
        ([PART, '{"error": "model runner has unexpectedly stopped"}'], "crash"),
        ([PART, "<html>"], "crash"),
    ],
)
def test_half_an_answer_is_none(lines: list[str], error: str, desk: Desk) -> None:
    http, url = serving(told(*lines))
    report = desk.run(desk.agent("ollama", url=url, model="m"), desk.call("hello"))
    http.shutdown()
    http.server_close()
    assert report.finished is False
    assert report.error
    assert report.error.kind == error
    assert report.usage.output_tokens == (3 if DONE in lines else None)


def test_what_it_thought_is_no_answer(desk: Desk) -> None:
    http, url = serving(told(THOUGHT, PART, DONE.replace("length", "stop")))
    agent = desk.agent("ollama", url=url, model="m")
    report = desk.run(agent, desk.call("hello"))
    http.shutdown()
    http.server_close()
    assert report.answer == "half"
    assert [(signal.kind, signal.text) for signal in desk.signals(agent)][:2] == [("thinking", "hm"), ("text", "half")]


def test_half_a_character_does_not_hide_the_rest(desk: Desk) -> None:
    http, url = serving(told(PART.replace("half", "half \\ud83d"), DONE.replace("length", "stop")))
    report = desk.run(desk.agent("ollama", url=url, model="m"), desk.call("hello"))
    http.shutdown()
    http.server_close()
    assert (report.finished, report.answer) == (True, "half ?")


def test_an_empty_answer_is_told(desk: Desk) -> None:
    http, url = serving(told(DONE.replace("length", "stop")))
    report = desk.run(desk.agent("ollama", url=url, model="m"), desk.call("hello"))
    http.shutdown()
    http.server_close()
    assert report.error
    assert report.error.kind == "empty"
