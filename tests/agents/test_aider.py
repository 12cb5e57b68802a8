"""How Aider is started, and what it really prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.agents.recorded import GATE, Recorded, after

from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally, Tokens

AIDER = Recorded("aider", model="test-model")

WROTE = "I write it.\n\n\n\nhello.txt\n\n```\nhello from the scripted model\n\n```"
ONE = Tokens(input=2000, output=42)

EXPECTED: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "ok": (True, "", {"answer": WROTE, "tokens": ONE, "turns": 1, "cost": None}),
    "answer": (True, "", {"answer": "ok", "tokens": ONE}),
    "400": (False, "crash", {"message": "bad request"}),
    "401": (False, "auth", {"message": "AuthenticationError"}),
    "404": (False, "model_not_found", {"message": "no such model"}),
    "429": (False, "rate_limit", {"message": "RateLimitError"}),
    "529": (False, "capacity", {"message": "Overloaded"}),
    "too_long": (False, "context_overflow", {"message": "prompt is too long"}),
    "network": (False, "network", {"message": "Connection error"}),
    "killed": (False, "", {}),
    "sigterm": (False, "crash", {"message": "signal 15"}),
    "sigint": (False, "unreadable", {}),
    "read_only": (True, "", {"answer": "I write it.\n\nhello.txt\n```\nhello from the scripted model\n```"}),
    "bad_flag": (False, "crash", {}),
    "no_login": (False, "auth", {}),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_recorded_words_are_understood(tmp_path: Path, case: str) -> None:
    AIDER.check(tmp_path, case, EXPECTED[case])


def test_nothing_is_recorded_in_vain() -> None:
    assert AIDER.cases() == set(EXPECTED)


def test_only_whole_words_with_a_good_exit_are_a_pass(tmp_path: Path) -> None:
    AIDER.check_cut(tmp_path)
    AIDER.check_exit(tmp_path)


def test_its_lines_tell_what_happens() -> None:
    told = [signal for signal in AIDER.signals("ok") if signal.kind not in {"text", "thinking"}]
    assert [signal.kind for signal in told] == ["usage", "final", "file"]
    assert told[-1].name == "hello.txt"


def signals(line: str) -> list[Signal]:
    return list(AIDER.agent().signals(line.encode()))


@pytest.mark.parametrize(
    ("line", "tokens", "cost"),
    [
        ("Tokens: 812 sent, 42 received.", Tokens(input=812, output=42), None),
        ("Tokens: 2.0k sent, 42 received. Cost: $0.0066 message, $0.02 session.", Tokens(input=2000, output=42), 0.0066),
        ("Tokens: 12k sent, 1.0k cache write, 9.0k cache hit, 1.1k received.", Tokens(2000, 9000, 1000, 1100), None),
        ("Tokens: 1.1M sent, lots received.", Tokens(input=1_100_000), None),
    ],
)
def test_what_a_message_used_is_counted(line: str, tokens: Tokens, cost: float | None) -> None:
    used, final = signals(line)
    assert (used.tokens, used.cost_usd, final.kind) == (tokens, cost, "final")


def test_an_error_after_an_answer_counts(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_text("Tokens: 1k sent, 2 received.\nlitellm.RateLimitError: slow down\n")
    got = AIDER.agent().report(log, Exit(cause="exited", code=0), Tally())
    assert (got.finished, got.error and got.error.kind) == (False, "rate_limit")
    log.write_text("litellm.RateLimitError: slow down\nRetrying in 0.2 seconds...\nfine\nTokens: 1k sent, 2 received.\nbye\n")
    got = AIDER.agent().report(log, Exit(cause="exited", code=0), Tally())
    assert (got.finished, got.answer) == (True, "fine")


def test_a_call_is_headless_and_leaves_nothing_of_its_own_in_the_workspace() -> None:
    made = AIDER.prepared()
    assert made.stdin
    assert (after(made, "--message-file"), after(made, "--model")) == ("/dev/stdin", "openai/test-model")
    assert {"--yes-always", "--analytics-disable", "--no-check-update", "--no-auto-commits", "--no-gitignore"} <= set(made.argv)
    assert (after(made, "--chat-history-file"), after(made, "--input-history-file")) == ("/h/chat.md", "/h/input")
    assert after(made, "--map-tokens") == "0"
    assert not AIDER.agent().resumes


def test_a_workspaces_variables_do_not_count() -> None:
    made = AIDER.prepared()
    told = made.files[after(made, "--env-file").removeprefix("/h/")].splitlines()
    assert {f"OPENAI_API_KEY='{GATE.key}'", f"OPENAI_API_BASE='{GATE.url}/v1'", "BASH_ENV=''"} <= set(told)
    assert GATE.key not in made.env.values()
    made = AIDER.prepared(settings={"model": "anthropic/claude-x"})
    assert after(made, "--model") == "anthropic/claude-x"
    assert f"ANTHROPIC_API_BASE='{GATE.url}'" in made.files["aider.env"].splitlines()


@pytest.mark.parametrize(
    ("name", "text"), [(".aider.conf.yml", "test-cmd: evil"), (".aider.model.settings.yml", "[]"), (".env", "AIDER_LOAD=evil")]
)
def test_settings_it_would_obey_are_refused_in_a_workspace_that_is_not_trusted(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / ".env").write_text("HARMLESS=1\n")
    assert "--message-file" in AIDER.prepared(workspace=str(tmp_path)).argv
    (tmp_path / name).write_text(text)
    made = AIDER.prepared(workspace=str(tmp_path))
    assert made.argv[0] == "/bin/sh"
    assert name in made.argv[-1]
    assert "--message-file" in AIDER.prepared(workspace=str(tmp_path), trusted=True).argv


def test_what_a_call_may_do() -> None:
    made = AIDER.prepared(read_only=True, instructions="Judge.")
    assert after(made, "--chat-mode") == "ask"
    assert made.files[after(made, "--read").removeprefix("/h/")] == "Judge."
