"""How Pi is started, and what it really writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.agents.recorded import DONE, GATE, Recorded, after, used

from chargehand.model.signals import Signal

PI = Recorded("pi", model="test-model")

EXPECTED: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "ok": (True, "", {"answer": DONE, "tokens": used(3), "turns": 3, "cost": None}),
    "resume": (True, "", {"answer": "again", "tokens": used(1)}),
    "fork": (True, "", {"answer": "forked", "tokens": used(1)}),
    "resume_unknown": (False, "session_lost", {"message": "No session found"}),
    "400": (False, "context_overflow", {"message": "context_length_exceeded"}),
    "401": (False, "auth", {"message": "401"}),
    "402": (False, "quota", {"message": "credit balance"}),
    "403": (False, "auth", {"message": "403"}),
    "404": (False, "model_not_found", {"message": "no such model"}),
    "429": (False, "rate_limit", {"message": "rate limited"}),
    "500": (False, "server", {"message": "500"}),
    "503": (False, "capacity", {"message": "unavailable"}),
    "529": (False, "capacity", {"message": "Overloaded"}),
    "too_long": (False, "context_overflow", {"message": "prompt is too long"}),
    "cut": (False, "network", {"message": "stream ended", "tokens": used(1)}),
    "terminated": (False, "network", {"message": "terminated"}),
    "unknown_tool": (True, "", {"answer": DONE, "tokens": used(2)}),
    "empty": (False, "empty", {"answer": ""}),
    "network": (False, "network", {"message": "Connection error"}),
    "sigterm": (False, "crash", {"tokens": used(1)}),
    "sigint": (False, "crash", {"message": "signal 2", "tokens": used(1)}),
    "killed": (False, "", {"tokens": used(1)}),
    "schema": (True, "", {"answer": DONE}),
    "read_only": (True, "", {"answer": DONE, "tokens": used(1)}),
    "bad_flag": (False, "crash", {"message": "Unknown option"}),
    "no_login": (False, "model_not_found", {"message": "not found"}),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_recorded_stream_is_understood(tmp_path: Path, case: str) -> None:
    PI.check(tmp_path, case, EXPECTED[case])


def test_nothing_is_recorded_in_vain() -> None:
    assert PI.cases() == set(EXPECTED)


def test_only_a_whole_stream_with_a_good_exit_is_a_pass(tmp_path: Path) -> None:
    PI.check_cut(tmp_path)
    PI.check_noise(tmp_path)
    PI.check_exit(tmp_path)


def test_its_lines_tell_what_happens(tmp_path: Path) -> None:
    told = PI.signals("ok")
    step = ["usage", "tool", "file", "tool_result", "usage", "tool", "tool_result", "text", "usage", "final"]
    assert [signal.kind for signal in told] == ["session", *step]
    assert [signal.name for signal in told if signal.kind == "file"] == ["hello.txt"]
    assert told[0].name == PI.report(tmp_path, "ok").session


def signals(**event: Any) -> list[Signal]:
    return list(PI.agent().signals(json.dumps(event).encode()))


def message(**fields: Any) -> list[Signal]:
    return signals(type="message_end", message={"role": "assistant", "content": [], **fields})


def test_its_own_waiting_is_told() -> None:
    [wait] = signals(type="auto_retry_start", attempt=1, maxAttempts=3, delayMs=2000, errorMessage="529 overloaded")
    assert (wait.kind, wait.error and wait.error.kind) == ("wait", "capacity")


def test_a_price_it_knows_is_taken_and_none_is_not_nothing() -> None:
    usage = {"input": 5, "output": 1, "cost": {"total": 0.25}}
    assert message(usage=usage)[0].cost_usd == 0.25
    assert message(usage=usage | {"cost": {"total": 0}})[0].cost_usd is None


def test_an_answer_cut_at_the_limit_is_none() -> None:
    [final] = message(stopReason="length")
    assert (final.failed, final.error and final.error.kind) == (True, "context_overflow")


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = PI.prepared(session="s1")
    assert made.stdin
    assert made.argv[1:] == (
        *("--print", "--mode", "json", "--no-approve", "--provider", "chargehand", "--model", "test-model"),
        *("--session-id", "s1"),
    )
    settings = json.loads(made.files[".pi/agent/settings.json"])
    assert settings["retry"] == {"enabled": False, "maxRetries": 0, "provider": {"maxRetries": 0}}
    assert (made.env["PI_OFFLINE"], made.env["PI_TELEMETRY"]) == ("1", "0")
    assert GATE.key not in made.env.values()


def test_a_session_is_gone_on_with_or_forked() -> None:
    assert after(PI.prepared(session="s", resume="r"), "--session") == "r"
    assert "--session-id" not in PI.prepared(session="s", resume="r").argv
    forked = PI.prepared(session="s", resume="r", fork=True)
    assert (after(forked, "--fork"), after(forked, "--session-id")) == ("r", "s")


def test_what_a_call_may_do() -> None:
    assert after(PI.prepared(read_only=True), "--tools") == "read,grep,find,ls"
    assert "--approve" in PI.prepared(trusted=True).argv
    made = PI.prepared(schema='{"type":"object"}', instructions="Judge.")
    assert after(made, "--append-system-prompt") == "/h/instructions.md"
    assert made.files["instructions.md"].startswith("Judge.\n\n")
    assert '{"type":"object"}' in made.files["instructions.md"]


def provider(settings: dict[str, Any], ambient: dict[str, str] | None = None, **call: Any) -> dict[str, Any]:
    made = PI.prepared(ambient, settings, **call)
    found: dict[str, Any] = json.loads(made.files[".pi/agent/models.json"])["providers"]["chargehand"]
    return found


@pytest.mark.parametrize(
    ("settings", "model", "api", "url"),
    [
        ({"model": "gpt-5.4"}, "gpt-5.4", "openai-responses", f"{GATE.url}/v1"),
        ({"model": "openai/gpt-5.4"}, "gpt-5.4", "openai-responses", f"{GATE.url}/v1"),
        ({"model": "m/x", "url": "https://llm.example/v1"}, "m/x", "openai-completions", f"{GATE.url}/v1"),
        ({"model": "anthropic/claude-sonnet-4-5"}, "claude-sonnet-4-5", "anthropic-messages", GATE.url),
        ({"model": "claude-x", "api": "anthropic"}, "claude-x", "anthropic-messages", GATE.url),
        ({"model": "google/gemini-3"}, "gemini-3", "google-generative-ai", f"{GATE.url}/v1beta"),
    ],
)
def test_it_speaks_the_protocol_of_the_model(settings: dict[str, Any], model: str, api: str, url: str) -> None:
    told = provider(settings)
    assert (told["models"][0]["id"], told["api"], told["baseUrl"]) == (model, api, url)
    assert told["apiKey"] == GATE.key


def test_without_a_gateway_it_has_the_users_key_or_its_own_login() -> None:
    told = provider({"model": "openai/gpt-5.4"}, {"OPENAI_API_KEY": "re$al"}, gateway=None)
    assert (told["baseUrl"], told["apiKey"]) == ("https://api.openai.com/v1", "re$$al")
    made = PI.prepared({"OPENAI_API_KEY": "real"}, {"model": "openai/gpt-5.4", "login": True}, gateway=None)
    assert ".pi/agent/models.json" not in made.files
    assert after(made, "--model") == "openai/gpt-5.4"
    assert PI.agent().login == (".pi/agent/auth.json",)


def test_a_model_must_be_named() -> None:
    assert "no model is named" in PI.agent(model="", program="/bin/sh").preflight()
    assert PI.agent(model="", program="/bin/sh", login=True).preflight() == ""
