"""The scripted provider itself: every protocol tells the same story, and it never answers more than it was asked."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.answers import Cost
from tests.kit.loopback import Loopback
from tests.kit.modelserver import ModelServer
from tests.kit.processes import until

PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
    "gemini": "/v1beta/models/test-model:generateContent",
    "ollama": "/api/chat",
}
PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def body(protocol: str, prompt: str, *, tools: bool = True, stream: bool = False, results: int = 0) -> dict[str, Any]:
    """A request as the protocol has it: the prompt, and so many tools called and answered since."""
    chat = [{"role": "user", "content": prompt}]
    function = {"name": "bash", "description": "runs a command", "parameters": PARAMETERS}
    asked: dict[str, Any] = {"model": "test-model", "stream": stream}
    match protocol:
        case "messages":
            chat += [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}] * results  # type: ignore[dict-item]
            return {**asked, "messages": chat, "tools": [{"name": "bash", "input_schema": PARAMETERS}] if tools else []}
        case "responses":
            chat += [{"type": "function_call_output", "output": "done"}] * results
            return {**asked, "input": chat, "tools": [{"type": "function", **function}] if tools else []}
        case "gemini":
            contents = [{"role": "user", "parts": [{"text": prompt}]}]
            contents += [{"role": "user", "parts": [{"functionResponse": {}}]}] * results
            return {"contents": contents, "tools": [{"functionDeclarations": [function]}] if tools else []}
    chat += [{"role": "tool", "content": "done"}] * results
    return {**asked, "messages": chat, "tools": [{"type": "function", "function": function}] if tools else []}


def post(url: str, asked: Any, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(
        url, json.dumps(asked).encode(), {name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def at(server: ModelServer, protocol: str, *, stream: bool = False) -> str:
    path = PATHS[protocol]
    return server.url + (path.replace(":generate", ":streamGenerate") + "?alt=sse" if stream and protocol == "gemini" else path)


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_protocol_calls_tools_in_order_and_then_ends(server: ModelServer, protocol: str, stream: bool) -> None:
    said = []
    for results in range(3):
        status, text = post(at(server, protocol, stream=stream), body(protocol, "SCENARIO: ok", stream=stream, results=results))
        assert status == 200
        said.append(text.replace('\\"', '"'))
    assert [request.asked.step for request in server.requests if request.asked] == [0, 1, 2]
    if not stream:
        assert "printf" in said[0]
        assert "wc -c hello.txt" in said[1]
        assert "I wrote the file" in said[2]
    assert "bash" in said[0]
    assert "bash" in said[1]
    assert "bash" not in said[2]
    written = 900 if protocol == "messages" else 0
    assert server.spent() == Cost(3630, 1600, written, 129, 21)


@pytest.mark.parametrize("protocol", PATHS)
def test_a_scenario_is_named_by_the_path_or_by_the_prompt(server: ModelServer, protocol: str) -> None:
    assert post(at(server, protocol), body(protocol, "Do it.\n\n> SCENARIO: 503."))[0] == 503
    assert post(server.url + "/s/say:hello" + PATHS[protocol], body(protocol, "SCENARIO: 503"))[0] == 200
    server.scenario = "401"
    assert post(at(server, protocol), body(protocol, "Do it."))[0] == 401


@pytest.mark.parametrize("protocol", PATHS)
def test_refusals_are_in_the_words_of_the_protocol(server: ModelServer, protocol: str) -> None:
    for scenario in ("400", "401", "403", "404", "429", "500", "503", "529", "toolong"):
        status, text = post(f"{server.url}/s/{scenario}{PATHS[protocol]}", body(protocol, "x"))
        assert status == (400 if scenario == "toolong" else int(scenario))
        assert json.loads(text)["error"]
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/s/429{PATHS[protocol]}", json.dumps(body(protocol, "x")).encode())
    assert caught.value.headers["retry-after"] == "1"
    caught.value.close()


def test_only_the_configured_key_is_taken_wherever_it_stands(server: ModelServer) -> None:
    server.key = "the-real-one"
    asked = body("messages", "SCENARIO: say")
    for headers in ({"x_api_key": "the-real-one"}, {"authorization": "Bearer the-real-one"}, {"x_goog_api_key": "the-real-one"}):
        assert post(at(server, "messages"), asked, **headers)[0] == 200
    assert post(at(server, "gemini") + "?key=the-real-one", body("gemini", "SCENARIO: say"))[0] == 200
    for headers in ({}, {"x_api_key": "another"}):
        assert post(at(server, "messages"), asked, **headers)[0] == 401
    assert len(server.answered()) == 4


def test_flaky_recovers_and_a_cut_stream_has_no_end(server: ModelServer) -> None:
    asked = body("messages", "SCENARIO: flaky:2:500")
    assert [post(at(server, "messages"), asked)[0] for _ in range(4)] == [500, 500, 200, 200]
    with pytest.raises((http.client.HTTPException, OSError)):
        post(at(server, "messages"), body("messages", "SCENARIO: cut:1", stream=True, results=1))
    status, text = post(at(server, "messages"), body("messages", "SCENARIO: cut:1", stream=True, results=1))
    assert status == 200
    assert "message_stop" in text
    assert [request.broken for request in server.requests] == [False] * 4 + [True, False]


def test_a_server_that_never_answers_notices_that_the_client_has_gone(server: ModelServer) -> None:
    raw = json.dumps(body("messages", "SCENARIO: hang")).encode()
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(raw) + raw)
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
    until(lambda: server.requests[0].ended, "it notices")
    assert server.answered() == []


def test_a_session_gone_on_with_is_told_from_a_new_one(server: ModelServer) -> None:
    turns = [
        {"role": "user", "content": "SCENARIO: stuck"},
        {"role": "assistant", "content": "I work."},
        {"role": "user", "content": "Go on. SCENARIO: stuck"},
    ]
    status, text = post(at(server, "chat"), {**body("chat", ""), "messages": turns})
    assert status == 200
    assert "wc -c" in text
    asked = server.requests[0].asked
    assert asked
    assert (asked.step, asked.earlier, asked.prompt) == (0, 1, "Go on. SCENARIO: stuck")


def test_models_are_listed_and_tokens_counted(server: ModelServer) -> None:
    assert (
        "test-model"
        in post(server.url + "/v1/messages/count_tokens", {})[1] + urllib.request.urlopen(server.url + "/v1/models").read().decode()
    )
    assert json.loads(post(server.url + "/v1beta/models/m:countTokens", {})[1]) == {"totalTokens": 1200}
    assert post(server.url + "/nowhere", {})[0] == 404


def test_alone_it_logs_what_it_was_asked(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    words = [sys.executable, "-m", "tests.kit.modelserver", "--key", "k", "--log", str(log)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert post(url + "/s/ok/v1/messages", body("messages", "x" * 500), x_api_key="k")[0] == 200
        until(log.exists, "the request is written down")
        process.terminate()
    seen = json.loads(log.read_text())
    assert (seen["prompt"], seen["status"], seen["scenario"], seen["tools"], seen["cost"]["fresh"]) == (
        500,
        200,
        "ok",
        ["bash"],
        1200,
    )


def test_a_network_of_its_own_reaches_nothing_else(require: Callable[..., str]) -> None:
    require("unshare", "-n", "true")
    inside = Loopback()
    try:
        assert inside.alone
        with ModelServer(listen=inside.listen) as server:
            script = f"import urllib.request; print(urllib.request.urlopen('{server.url}/v1/models').status)"
            words = [sys.executable, "-c", script]
            assert inside.call(lambda: subprocess.run(words, capture_output=True, text=True, check=True)).stdout == "200\n"
            assert subprocess.run(words, capture_output=True, check=False).returncode == 1
        with pytest.raises(OSError, match="unreachable"):
            inside.call(lambda: socket.create_connection(("192.0.2.1", 80), timeout=5))
    finally:
        inside.close()
