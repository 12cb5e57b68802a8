"""How Droid is started, and what it really writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.agents.recorded import DONE, GATE, Recorded, after, used

from chargehand.model.errors import ConfigProblem
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally, Tokens, Usage

DROID = Recorded("droid", model="anthropic/claude-sonnet-4-5")

EXPECTED: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "ok": (True, "", {"answer": DONE, "tokens": used(3, written=300), "cost": pytest.approx(0.016785)}),
    "resume": (True, "", {"answer": "again", "tokens": used(1, written=300)}),
    "fork": (True, "", {"answer": "forked", "tokens": used(1, written=300)}),
    "resume_unknown": (False, "crash", {"message": "exit code 1"}),
    "400": (False, "crash", {"message": "bad request"}),
    "401": (False, "auth", {"message": "401"}),
    "402": (False, "quota", {"message": "credit balance"}),
    "403": (False, "auth", {"message": "403"}),
    "404": (False, "model_not_found", {"message": "model was not found"}),
    "429": (False, "rate_limit", {"message": "rate limited"}),
    "too_long": (False, "context_overflow", {"message": "prompt is too long"}),
    "cut": (True, "", {"answer": DONE}),
    "unknown_tool": (True, "", {"answer": DONE}),
    "empty": (False, "empty", {"answer": ""}),
    "sigterm": (True, "", {"answer": DONE}),
    "sigint": (True, "", {"answer": DONE}),
    "killed": (False, "", {}),
    "schema": (True, "", {"answer": DONE}),
    "read_only": (True, "", {"answer": DONE, "tokens": used(1, written=300)}),
    "bad_flag": (False, "crash", {"message": "unknown option"}),
    "no_login": (False, "model_not_found", {"message": "Invalid model"}),
}
"""A signal ends only the tool that runs; it goes on and comes to a good end."""


@pytest.mark.parametrize("case", EXPECTED)
def test_a_recorded_stream_is_understood(tmp_path: Path, case: str) -> None:
    DROID.check(tmp_path, case, EXPECTED[case])


def test_of_a_session_that_is_not_there_it_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").touch()
    silent, before = Exit(cause="exited", code=1), Tally(Tokens(input=5), 0.1)
    lost = DROID.agent().report(tmp_path / "stdout.log", silent, before)
    assert (lost.error and lost.error.kind, lost.usage) == ("session_lost", Usage(0, 0, 0.0))
    new = DROID.agent().report(tmp_path / "stdout.log", silent, Tally())
    assert (new.error and new.error.kind) == "crash", "it was to begin a session"


def test_nothing_is_recorded_in_vain() -> None:
    assert DROID.cases() == set(EXPECTED)


def test_only_a_whole_stream_with_a_good_exit_is_a_pass(tmp_path: Path) -> None:
    DROID.check_cut(tmp_path)
    DROID.check_noise(tmp_path)
    DROID.check_exit(tmp_path)


def test_its_lines_tell_what_happens() -> None:
    told = DROID.signals("ok")
    assert [signal.kind for signal in told] == [*("session", "tool", "file", "tool_result", "tool", "tool_result", "text", "final")]
    assert "shell-ran" in told[4].text


def signals(**event: Any) -> list[Signal]:
    return list(DROID.agent().signals(json.dumps(event).encode()))


def test_a_question_is_told() -> None:
    [asked] = signals(type="tool_call", toolName="AskUser", parameters={"question": "Which one?"})
    assert (asked.kind, "Which one?" in asked.text) == ("question", True)


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = DROID.prepared(session="s1")
    assert made.stdin
    assert made.argv[1:] == (
        *("exec", "--output-format", "stream-json", "--cwd", "/w", "--settings", "/h/settings.json"),
        *("--skip-permissions-unsafe", "--model", "custom:chargehand-0"),
    )
    assert made.env["FACTORY_AIRGAP_ENABLED"] == "true"
    assert GATE.key not in made.env.values()
    [model] = json.loads(made.files[".factory/settings.json"])["customModels"]
    assert (model["model"], model["provider"], model["baseUrl"]) == ("claude-sonnet-4-5", "anthropic", GATE.url)
    assert (model["apiKey"], model["displayName"]) == (GATE.key, "chargehand")


def test_only_a_trusted_workspace_is_obeyed() -> None:
    told = json.loads(DROID.prepared().files["settings.json"])
    assert told["hooksDisabled"] is True
    assert told["mcpPolicy"] == {"enabled": True, "allowlist": []}
    told = json.loads(DROID.prepared(trusted=True).files["settings.json"])
    assert not {"hooks", "hooksDisabled", "mcpPolicy"} & set(told)


def test_a_session_is_gone_on_with_in_a_copy() -> None:
    assert after(DROID.prepared(resume="r"), "--fork") == "r"
    assert after(DROID.prepared(resume="r", fork=True), "--fork") == "r"


def test_what_a_call_may_do() -> None:
    made = DROID.prepared(read_only=True, instructions="Judge.")
    assert after(made, "--only-tools") == "Read,LS,Grep,Glob"
    assert "--skip-permissions-unsafe" not in made.argv
    assert made.files[after(made, "--append-system-prompt-file").removeprefix("/h/")] == "Judge."


@pytest.mark.parametrize(
    ("settings", "provider"),
    [
        ({"model": "openai/gpt-5.4"}, "openai"),
        ({"model": "gpt-x", "api": "openai", "url": "https://llm.example"}, "generic-chat-completion-api"),
    ],
)
def test_it_speaks_the_protocol_of_the_model(settings: dict[str, Any], provider: str) -> None:
    made = DROID.prepared(settings=settings)
    [model] = json.loads(made.files[".factory/settings.json"])["customModels"]
    assert (model["provider"], model["baseUrl"]) == (provider, f"{GATE.url}/v1")


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ConfigProblem, match="does not speak gemini"):
        DROID.agent(api="gemini")


def test_with_its_own_login_it_may_ask_its_maker() -> None:
    made = DROID.prepared(settings={"model": "claude-opus-5", "login": True}, gateway=None)
    assert after(made, "--model") == "claude-opus-5"
    assert ".factory/settings.json" not in made.files
    assert "FACTORY_AIRGAP_ENABLED" not in made.env
