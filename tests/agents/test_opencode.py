"""How opencode is started, and what it really writes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.agents.recorded import DONE, GATE, Recorded, after, used

from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally

OPENCODE = Recorded("opencode", model="test-model")

EXPECTED: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "ok": (True, "", {"answer": DONE, "tokens": used(3), "turns": 3, "cost": None}),
    "resume": (True, "", {"answer": "again", "tokens": used(1)}),
    "fork": (True, "", {"answer": "forked", "tokens": used(1)}),
    "resume_unknown": (False, "session_lost", {"message": "Session not found"}),
    "400": (False, "context_overflow", {"message": "bad request"}),
    "401": (False, "auth", {"message": "invalid x-api-key"}),
    "402": (False, "quota", {"message": "credit balance"}),
    "403": (False, "auth", {"message": "forbidden"}),
    "404": (False, "model_not_found", {"message": "no such model"}),
    "429": (False, "rate_limit", {"message": "rate limited"}),
    "500": (False, "server", {"message": "internal server error"}),
    "503": (False, "capacity", {"message": "unavailable"}),
    "529": (False, "capacity", {"message": "Overloaded"}),
    "too_long": (False, "context_overflow", {"message": "prompt is too long"}),
    "cut": (True, "", {"answer": DONE}),
    "unknown_tool": (True, "", {"answer": DONE}),
    "empty": (False, "empty", {"answer": ""}),
    "network": (False, "network", {"message": "Cannot connect"}),
    "sigterm": (False, "crash", {"message": "signal 15"}),
    "sigint": (False, "crash", {"message": "signal 2"}),
    "killed": (False, "", {}),
    "schema": (True, "", {"answer": DONE}),
    "read_only": (True, "", {"answer": DONE}),
    "bad_flag": (False, "crash", {}),
    "no_login": (False, "crash", {}),
    "denied": (False, "permission", {"denied": ("write",)}),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_recorded_stream_is_understood(tmp_path: Path, case: str) -> None:
    OPENCODE.check(tmp_path, case, EXPECTED[case])


def test_nothing_is_recorded_in_vain() -> None:
    assert OPENCODE.cases() == set(EXPECTED)


def test_only_a_whole_stream_with_a_good_exit_is_a_pass(tmp_path: Path) -> None:
    OPENCODE.check_cut(tmp_path)
    OPENCODE.check_noise(tmp_path)
    OPENCODE.check_exit(tmp_path)


def test_its_lines_tell_what_happens() -> None:
    told = [signal.kind for signal in OPENCODE.signals("ok")]
    assert told == [
        *("session", "tool", "file", "tool_result", "usage"),
        *("session", "tool", "tool_result", "usage", "session", "text", "usage", "final"),
    ]


def test_all_its_turns_are_no_success(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_bytes(OPENCODE.text("ok"))
    for turns, kind in ((3, "turn_limit"), (4, None)):
        got = OPENCODE.agent(max_turns=turns).report(tmp_path / "stdout.log", OPENCODE.ended("ok"), Tally())
        assert (got.finished, got.error and got.error.kind) == (kind is None, kind)


def signals(**event: Any) -> list[Signal]:
    return list(OPENCODE.agent().signals(json.dumps(event).encode()))


def test_a_price_it_knows_is_taken_and_none_is_not_nothing() -> None:
    part = {"reason": "tool-calls", "tokens": {"input": 5, "output": 1}}
    assert signals(type="step_finish", part=part | {"cost": 0.25})[0].cost_usd == 0.25
    assert signals(type="step_finish", part=part | {"cost": 0})[0].cost_usd is None


@pytest.mark.parametrize(("reason", "kind"), [("length", "context_overflow"), ("content-filter", None)])
def test_a_step_that_ended_otherwise_is_no_success(reason: str, kind: str | None) -> None:
    final = signals(type="step_finish", part={"reason": reason})[-1]
    assert (final.kind, final.failed, final.error and final.error.kind) == ("final", True, kind)


def settings(ambient: dict[str, str] | None = None, agent: dict[str, Any] | None = None, **call: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OPENCODE.prepared(ambient, agent, **call).files[".config/opencode/opencode.json"])
    return found


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = OPENCODE.prepared(session="s1")
    assert made.stdin
    assert made.argv[1:] == ("run", "--format", "json", "--title", "chargehand", "--model", "chargehand/test-model")
    assert made.env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    assert "OPENCODE_DISABLE_PROJECT_CONFIG" not in OPENCODE.prepared(trusted=True).env
    assert GATE.key not in made.env.values()
    told = settings()
    assert told["permission"] == {"*": "allow", "question": "deny"}
    assert told["provider"]["chargehand"]["options"] == {"baseURL": f"{GATE.url}/v1", "apiKey": GATE.key}
    assert told["small_model"] == "chargehand/test-model"
    assert (told["autoupdate"], told["share"]) == (False, "disabled")


def test_it_looks_as_if_its_plugin_were_installed() -> None:
    # Otherwise it asks the registry at every start; and a registry that is none would be one for the agent's own npm too.
    made = OPENCODE.prepared()
    lock = json.loads(made.files[".config/opencode/package-lock.json"])
    assert "@opencode-ai/plugin" in lock["packages"][""]["dependencies"]
    assert any(name.startswith(".config/opencode/node_modules/") for name in made.files)
    assert not [name for name in made.env if name.startswith("npm_")]


def test_a_session_is_gone_on_with_or_forked() -> None:
    assert after(OPENCODE.prepared(resume="r"), "--session") == "r"
    assert "--fork" not in OPENCODE.prepared(resume="r").argv
    assert "--fork" in OPENCODE.prepared(resume="r", fork=True).argv


def test_what_a_call_may_do() -> None:
    told = settings(read_only=True)["permission"]
    assert (told["*"], told["read"], "edit" in told, "bash" in told) == ("deny", "allow", False, False)
    assert settings(agent={"max_turns": 7})["agent"]["build"] == {"steps": 7}
    made = OPENCODE.prepared(instructions="Judge.")
    assert made.files[".config/opencode/instructions.md"] == "Judge."
    assert settings(instructions="Judge.")["instructions"] == ["/h/.config/opencode/instructions.md"]


@pytest.mark.parametrize(
    ("agent", "package", "url"),
    [
        ({"model": "openai/gpt-5.4"}, "@ai-sdk/openai", f"{GATE.url}/v1"),
        ({"model": "m/x", "url": "https://llm.example"}, "@ai-sdk/openai-compatible", f"{GATE.url}/v1"),
        ({"model": "anthropic/claude-x"}, "@ai-sdk/anthropic", f"{GATE.url}/v1"),
        ({"model": "google/gemini-3"}, "@ai-sdk/google", f"{GATE.url}/v1beta"),
    ],
)
def test_it_speaks_the_protocol_of_the_model(agent: dict[str, Any], package: str, url: str) -> None:
    provider = settings(agent=agent)["provider"]["chargehand"]
    assert (provider["npm"], provider["options"]["baseURL"]) == (package, url)


def test_with_its_own_login_it_chooses_the_provider() -> None:
    made = OPENCODE.prepared(settings={"model": "opencode/big", "login": True}, gateway=None)
    assert after(made, "--model") == "opencode/big"
    assert "provider" not in settings(agent={"model": "opencode/big", "login": True}, gateway=None)


@pytest.mark.parametrize(
    "name", [".opencode/plugin/p.js", ".opencode/plugins/p.ts", "opencode.json", ".opencode/opencode.jsonc", "opencode.jsonc"]
)
def test_plugins_of_a_workspace_that_is_not_trusted_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "opencode.json").write_text('{"model": "x"}')
    place: dict[str, Any] = {"workspace": str(tmp_path)}
    assert "run" in OPENCODE.prepared(**place).argv
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text('{"plugin": ["./evil.js"]}')
    assert "run" in OPENCODE.prepared(**place, trusted=True).argv
    made = OPENCODE.prepared(**place)
    ended = subprocess.run(made.argv, capture_output=True, check=False)
    (tmp_path / "stdout.log").write_bytes(ended.stdout)
    (tmp_path / "stderr.log").write_bytes(ended.stderr)
    got = OPENCODE.agent().report(tmp_path / "stdout.log", Exit(cause="exited", code=ended.returncode), Tally())
    assert (got.finished, got.error and got.error.kind) == (False, "permission")
    assert name in (got.error.message if got.error else "")
