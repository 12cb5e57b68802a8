"""How Qwen Code is started, and what it really writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.agents.recorded import DONE, GATE, Recorded, after, used

from chargehand.model.signals import Signal
from chargehand.model.work import Tally

QWEN = Recorded("qwen", model="test-model")

EXPECTED: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "ok": (True, "", {"answer": DONE, "tokens": used(3), "turns": 3, "cost": None}),
    "resume": (True, "", {"answer": "again", "tokens": used(4), "turns": 1}),
    "fork": (True, "", {"answer": "forked", "tokens": used(5), "turns": 1}),
    "resume_unknown": (False, "session_lost", {"message": "No saved session found"}),
    "400": (False, "crash", {"message": "bad request"}),
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
    "unknown_tool": (True, "", {"answer": DONE, "tokens": used(2)}),
    "empty": (False, "empty", {"message": "empty response"}),
    "network": (False, "network", {"message": "Connection error"}),
    "max_turns": (False, "turn_limit", {"message": "max session turns", "tokens": used(2)}),
    "sigterm": (False, "crash", {}),
    "sigint": (False, "crash", {}),
    "killed": (False, "", {}),
    "schema": (True, "", {"answer": '{"status":"done","files":["hello.txt"]}'}),
    "read_only": (True, "", {"answer": DONE}),
    "bad_flag": (False, "crash", {}),
    "no_login": (False, "crash", {"message": "discontinued"}),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_recorded_stream_is_understood(tmp_path: Path, case: str) -> None:
    QWEN.check(tmp_path, case, EXPECTED[case])


def test_nothing_is_recorded_in_vain() -> None:
    assert QWEN.cases() == set(EXPECTED)


def test_only_a_whole_stream_with_a_good_exit_is_a_pass(tmp_path: Path) -> None:
    QWEN.check_cut(tmp_path)
    QWEN.check_noise(tmp_path)
    QWEN.check_exit(tmp_path)


def test_a_session_gone_on_with_tells_its_sum(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(QWEN.text("resume"))
    got = QWEN.agent().report(log, QWEN.ended("resume"), Tally(used(3)))
    assert (got.usage.input_tokens, got.usage.output_tokens) == (2000, 42)
    assert got.total.tokens == used(4)


def test_its_lines_tell_what_happens() -> None:
    told = QWEN.signals("ok")
    assert [signal.kind for signal in told] == [
        *("session", "tool", "file", "usage", "tool_result"),
        *("tool", "usage", "tool_result", "text", "usage", "final"),
    ]
    assert told[3].tokens == used(1)


def signals(**event: Any) -> list[Signal]:
    return list(QWEN.agent().signals(json.dumps(event).encode()))


def test_what_was_denied_is_told() -> None:
    told = signals(type="result", is_error=False, subtype="success", permission_denials=[{"tool_name": "write_file"}])
    assert [(signal.kind, signal.name) for signal in told] == [("denied", "write_file"), ("final", "")]


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = QWEN.prepared(session="s1", settings={"max_turns": 7})
    assert made.stdin
    assert made.argv[1:4] == ("--output-format", "stream-json", "--yolo")
    assert (after(made, "--auth-type"), after(made, "--model")) == ("openai", "test-model")
    assert (after(made, "--max-session-turns"), after(made, "--session-id")) == ("7", "s1")
    assert (made.env["OPENAI_BASE_URL"], made.env["OPENAI_API_KEY"]) == (f"{GATE.url}/v1", GATE.key)
    told = json.loads(made.files[made.env["QWEN_CODE_SYSTEM_SETTINGS_PATH"].removeprefix("/h/")])
    assert told["model"]["generationConfig"]["maxRetries"] == 0
    assert told["disableAllHooks"] is True


def test_only_a_trusted_workspace_is_obeyed() -> None:
    assert "--safe-mode" in QWEN.prepared().argv
    made = QWEN.prepared(trusted=True)
    assert "--safe-mode" not in made.argv
    assert "disableAllHooks" not in json.loads(made.files[".qwen/system.json"])
    # What is set, even to nothing, is not replaced by the workspace's ``.env``.
    assert made.env["BASH_ENV"] == made.env["NODE_OPTIONS"] == ""


def test_a_session_is_gone_on_with_or_forked() -> None:
    made = QWEN.prepared(session="s", resume="r")
    assert after(made, "--resume") == "r"
    assert not {"--session-id", "--fork-session"} & set(made.argv)
    assert "--fork-session" in QWEN.prepared(resume="r", fork=True).argv


def test_what_a_call_may_do() -> None:
    assert {"edit", "run_shell_command", "write_file"} <= set(after(QWEN.prepared(read_only=True), "--exclude-tools").split(","))
    assert "edit" not in after(QWEN.prepared(), "--exclude-tools").split(",")
    made = QWEN.prepared(schema='{"type":"object"}', instructions="Judge.")
    assert after(made, "--append-system-prompt") == "Judge."
    assert made.files[after(made, "--json-schema").removeprefix("@/h/")] == '{"type":"object"}'


@pytest.mark.parametrize(
    ("model", "kind", "variable", "url"),
    [
        ("anthropic/claude-x", "anthropic", "ANTHROPIC", GATE.url),
        ("google/gemini-3", "gemini", "GEMINI", GATE.url),
        ("openai/gpt-5.4", "openai", "OPENAI", f"{GATE.url}/v1"),
    ],
)
def test_it_speaks_the_protocol_of_the_model(model: str, kind: str, variable: str, url: str) -> None:
    made = QWEN.prepared(settings={"model": model})
    assert (after(made, "--auth-type"), after(made, "--model")) == (kind, model.partition("/")[2])
    assert made.env[f"{variable}_API_KEY"] == GATE.key
    assert url in made.env.values()


def test_with_its_own_login_it_asks_its_maker() -> None:
    made = QWEN.prepared({"OPENAI_API_KEY": "real"}, {"login": True}, gateway=None)
    assert after(made, "--auth-type") == "qwen-oauth"
    assert "real" not in made.env.values()
