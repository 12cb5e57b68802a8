"""How Gemini CLI is started, and what it really writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.agents.recorded import DONE, GATE, Recorded, after, used

from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally

GEMINI = Recorded("gemini", model="gemini-2.5-flash")

EXPECTED: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "ok": (True, "", {"answer": DONE, "tokens": used(3, thought=7), "cost": pytest.approx(0.0015195)}),
    "resume": (True, "", {"answer": "again", "tokens": used(1, thought=7)}),
    "resume_unknown": (False, "session_lost", {"message": "Error resuming session"}),
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
    "cut": (False, "network", {"message": "broke off", "tokens": used(1, thought=7)}),
    "terminated": (False, "network", {"message": "terminated"}),
    "unknown_tool": (True, "", {"answer": DONE}),
    "empty": (False, "empty", {"message": "empty response"}),
    "network": (False, "network", {"message": "fetch failed"}),
    "max_turns": (False, "turn_limit", {"message": "max session turns", "tokens": used(2, thought=7)}),
    "sigterm": (False, "unreadable", {}),
    "sigint": (False, "unreadable", {}),
    "killed": (False, "", {}),
    "schema": (True, "", {"answer": DONE}),
    "read_only": (True, "", {"answer": DONE, "tokens": used(1, thought=7)}),
    "bad_flag": (False, "crash", {"message": "Unknown arguments: such-flag"}),
    "no_login": (False, "auth", {}),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_recorded_stream_is_understood(tmp_path: Path, case: str) -> None:
    GEMINI.check(tmp_path, case, EXPECTED[case])


def test_nothing_is_recorded_in_vain() -> None:
    assert GEMINI.cases() == set(EXPECTED)


def test_only_a_whole_stream_with_a_good_exit_is_a_pass(tmp_path: Path) -> None:
    GEMINI.check_cut(tmp_path)
    GEMINI.check_noise(tmp_path)
    GEMINI.check_exit(tmp_path)


def test_its_lines_tell_what_happens() -> None:
    told = GEMINI.signals("ok")
    assert [signal.kind for signal in told if signal.kind != "text"] == [
        *("session", "tool", "file", "tool_result", "tool", "tool_result", "final")
    ]
    assert "".join(signal.text for signal in told if signal.kind == "text") == DONE


def signals(**event: Any) -> list[Signal]:
    return list(GEMINI.agent().signals(json.dumps(event).encode()))


def test_what_its_policy_forbids_is_denied(tmp_path: Path) -> None:
    refused = {"type": "policy_violation", "message": "Tool execution denied by policy."}
    told = signals(type="tool_result", status="error", error=refused)
    assert [signal.kind for signal in told] == ["denied", "tool_result"]


@pytest.mark.parametrize(
    ("code", "kind"), [(145, "auth"), (147, "auth"), (173, "rate_limit"), (247, "capacity"), (17, "capacity"), (1, "crash")]
)
def test_an_exit_code_that_is_a_status_says_what_words_do_not(tmp_path: Path, code: int, kind: str) -> None:
    log = tmp_path / "stdout.log"
    log.write_text('{"type":"result","status":"error","error":{"type":"unknown","message":"[API Error: oh dear]"}}\n')
    got = GEMINI.agent().report(log, Exit(cause="exited", code=code), Tally())
    assert (got.finished, got.error and got.error.kind) == (False, kind)


def settings(**call: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GEMINI.prepared(**call).files[".gemini/settings.json"])
    return found


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = GEMINI.prepared(session="s1")
    assert made.stdin
    assert made.argv[1:] == (
        *("--output-format", "stream-json", "--approval-mode", "yolo", "--skip-trust"),
        *("--model", "gemini-2.5-flash", "--session-id", "s1"),
    )
    assert (made.env["GOOGLE_GEMINI_BASE_URL"], made.env["GEMINI_API_KEY"]) == (GATE.url, GATE.key)
    told = settings()
    assert told["general"]["maxAttempts"] == 1
    assert told["security"]["auth"]["selectedType"] == "gemini-api-key"
    assert told["hooksConfig"] == {"enabled": False}
    assert "hooksConfig" not in settings(trusted=True)
    assert "GEMINI_CLI_TRUST_WORKSPACE" not in made.env
    assert GEMINI.prepared(trusted=True).env["GEMINI_CLI_TRUST_WORKSPACE"] == "true"


def test_a_workspaces_variables_cannot_make_others_execute_something() -> None:
    # What is set, even to nothing, is not replaced by its ``.env``.
    env = GEMINI.prepared().env
    assert {name for name, value in env.items() if value == ""} >= {
        "BASH_ENV",
        "NODE_OPTIONS",
        "GEMINI_SYSTEM_MD",
        "GEMINI_SANDBOX",
    }


def test_what_a_call_may_do() -> None:
    assert after(GEMINI.prepared(session="s", resume="r"), "--resume") == "r"
    assert "--session-id" not in GEMINI.prepared(session="s", resume="r").argv
    assert "write_file" not in settings(read_only=True)["tools"]["core"]
    assert "read_file" in settings(read_only=True)["tools"]["core"]
    made = GEMINI.prepared(settings={"max_turns": 7}, instructions="Judge.", schema='{"type":"object"}')
    assert json.loads(made.files[".gemini/settings.json"])["model"] == {"maxSessionTurns": 7}
    assert made.files[".gemini/GEMINI.md"].startswith("Judge.\n\n")
    assert '{"type":"object"}' in made.files[".gemini/GEMINI.md"]


def test_without_a_key_it_has_its_own_login() -> None:
    made = GEMINI.prepared({"GEMINI_API_KEY": "real"}, {"login": True}, gateway=None)
    assert "GEMINI_API_KEY" not in made.env
    assert json.loads(made.files[".gemini/settings.json"])["security"]["auth"]["selectedType"] == "oauth-personal"
    assert GEMINI.prepared({"GEMINI_API_KEY": "real"}, gateway=None).env["GEMINI_API_KEY"] == "real"
