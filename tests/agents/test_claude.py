"""How Claude Code is started, and what its rarer lines mean. What it really writes is in test_recorded_streams.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Report, Tally, Tokens
from chargehand.ports import Agent, Call, Gateway, Prepared

GATE = Gateway("http://127.0.0.1:4545", "worthless")


def claude(**settings: Any) -> Agent:
    return make_agent("c", AgentConfig(kind="claude", **settings), Path("/"))


def prepared(agent: Agent, ambient: dict[str, str] | None = None, **call: Any) -> Prepared:
    given: dict[str, Any] = {"prompt": "do it", "workspace": "/w", "home": "/h", "gateway": GATE}
    return agent.prepare(Call(**(given | call)), ambient or {})


def after(made: Prepared, flag: str) -> str:
    return made.argv[made.argv.index(flag) + 1]


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = prepared(claude(model="opus", max_turns=7), session="11111111-1111-4111-8111-111111111111")
    assert made.stdin
    assert "do it" not in made.argv
    assert after(made, "--output-format") == "stream-json"
    assert (after(made, "--model"), after(made, "--max-turns")) == ("opus", "7")
    assert after(made, "--session-id") == "11111111-1111-4111-8111-111111111111"
    assert after(made, "--setting-sources") == "user"
    assert "--strict-mcp-config" in made.argv
    assert made.env["ANTHROPIC_BASE_URL"] == GATE.url
    assert made.env["ANTHROPIC_API_KEY"] == GATE.key
    assert made.env["CLAUDE_CODE_MAX_RETRIES"] == "0"
    assert "--tools" not in made.argv


def test_only_a_trusted_workspace_is_obeyed() -> None:
    made = prepared(claude(), trusted=True)
    assert not {"--setting-sources", "--strict-mcp-config"} & set(made.argv)


def test_a_session_is_gone_on_with_or_forked() -> None:
    assert after(prepared(claude(), session="a", resume="b"), "--resume") == "b"
    assert not {"--session-id", "--fork-session"} & set(prepared(claude(), session="a", resume="b").argv)
    assert "--fork-session" in prepared(claude(), resume="b", fork=True).argv
    assert not {"--session-id", "--resume"} & set(prepared(claude()).argv)


def test_a_call_that_is_to_answer_gets_no_tool_that_changes_anything() -> None:
    made = prepared(claude(), read_only=True, schema='{"type":"object"}', instructions="Judge.")
    assert after(made, "--tools") == "Read,Grep,Glob"
    assert after(made, "--json-schema") == '{"type":"object"}'
    assert after(made, "--append-system-prompt") == "Judge."


def test_instructions_of_settings_and_call_are_both_given() -> None:
    assert (
        after(prepared(claude(instructions="Be brief."), instructions="Judge."), "--append-system-prompt") == "Be brief.\n\nJudge."
    )


@pytest.mark.parametrize(
    ("settings", "ambient", "url", "key"),
    [
        ({}, {"ANTHROPIC_API_KEY": "real"}, None, "real"),
        (
            {"key": "MY_KEY", "url": "https://llm.example/"},
            {"MY_KEY": "mine", "ANTHROPIC_API_KEY": "x"},
            "https://llm.example",
            "mine",
        ),
        ({"login": True}, {"ANTHROPIC_API_KEY": "real"}, None, None),
        ({}, {}, None, None),
    ],
)
def test_without_a_gateway_it_has_the_key_of_the_settings_or_its_own_login(
    settings: dict[str, Any], ambient: dict[str, str], url: str | None, key: str | None
) -> None:
    made = prepared(claude(**settings), ambient, gateway=None)
    assert (made.env.get("ANTHROPIC_BASE_URL"), made.env.get("ANTHROPIC_API_KEY")) == (url, key)


def test_beside_a_gateway_no_real_key_is_given() -> None:
    made = prepared(claude(key="MY_KEY"), {"MY_KEY": "real", "ANTHROPIC_API_KEY": "real", "ANTHROPIC_AUTH_TOKEN": "real"})
    assert "real" not in made.env.values()


def test_settings_add_words_and_variables() -> None:
    made = prepared(claude(args=["--effort", "high"], env=["TOKEN", "UNSET"]), {"TOKEN": "t", "OTHER": "o"})
    assert made.argv[-2:] == ("--effort", "high")
    assert made.env["TOKEN"] == "t"
    assert not {"OTHER", "UNSET"} & set(made.env)


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ConfigProblem, match="does not speak gemini"):
        claude(api="gemini")
    assert claude(api="anthropic").api == "anthropic"


def signals(*events: dict[str, Any]) -> list[Signal]:
    return [signal for event in events for signal in claude().signals(json.dumps(event).encode())]


def test_its_own_waiting_is_told() -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 4, "retry_delay_ms": 612.5, "error_status": 529}
    [signal] = signals(retry | {"error": "overloaded"})
    assert (signal.kind, signal.error and signal.error.kind) == ("wait", "capacity")
    [signal] = signals(retry | {"error_status": None, "error": "unknown"})
    assert signal.error
    assert signal.error.kind == "network"


def limit(**info: Any) -> dict[str, Any]:
    return {"type": "rate_limit_event", "rate_limit_info": {"rateLimitType": "five_hour", "resetsAt": 1_790_000_000} | info}


def test_a_closed_window_is_told_with_its_reset() -> None:
    [signal] = signals(limit(status="rejected"))
    assert signal.error
    assert (signal.error.kind, signal.error.reset_at) == ("usage_window", 1_790_000_000)
    assert signals(limit(status="allowed_warning")) == []
    assert signals(limit(status="rejected", isUsingOverage=True)) == []


RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "done"}


def report(tmp_path: Path, *events: dict[str, Any], cause: str = "exited", code: int | None = 0, before: Tally = Tally()) -> Report:  # noqa: B008
    path = tmp_path / "stdout.log"
    path.write_text("\n".join(json.dumps(event) for event in events))
    return claude().report(path, Exit(cause=cause, code=code, ended_at=1_789_990_000), before)  # type: ignore[arg-type]


def test_a_closed_window_has_its_reset_in_the_report(tmp_path: Path) -> None:
    said = "You've hit your limit · resets 3pm (UTC)"
    got = report(tmp_path, limit(status="rejected"), RESULT | {"is_error": True, "api_error_status": 429, "result": said}, code=1)
    assert got.error
    assert (got.error.kind, got.error.reset_at) == ("usage_window", 1_790_002_800)
    got = report(tmp_path, limit(status="rejected"), cause="stall", code=None)
    assert got.error
    assert (got.error.kind, got.error.reset_at) == ("usage_window", 1_790_000_000)


def said(text: str, id_: str = "m1", output: int = 1, **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": None, "output_tokens": output}
    return {"type": "assistant", "message": {"id": id_, "content": [{"type": "text", "text": text}], "usage": usage}} | more


def test_a_message_told_in_parts_is_counted_once(tmp_path: Path) -> None:
    got = report(tmp_path, said("a"), said("b"), said("c", "m2", 7), cause="cancelled", code=None)
    assert got.total.tokens == Tokens(input=20, cached=10, output=8)
    assert (got.turns, got.answer) == (2, "c")


def test_work_after_a_last_word_asks_for_another(tmp_path: Path) -> None:
    assert report(tmp_path, said("a"), RESULT).finished is True
    got = report(tmp_path, said("a"), RESULT, said("more"))
    assert (got.finished, got.error and got.error.kind) == (False, "unreadable")
    assert report(tmp_path, said("a"), RESULT, said("more"), RESULT | {"result": "at last"}).answer == "at last"


def test_helpers_are_counted_and_earlier_calls_are_not(tmp_path: Path) -> None:
    def used(amount: int) -> dict[str, int]:
        return {"inputTokens": amount, "outputTokens": amount, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0}

    last = RESULT | {"total_cost_usd": 0.75, "modelUsage": {"big": used(100), "small": used(11)}}
    got = report(tmp_path, said("a"), last, before=Tally(Tokens(input=60, output=60), 0.5))
    assert (got.usage.input_tokens, got.usage.output_tokens, got.usage.cost_usd) == (51, 51, 0.25)
    assert got.total == Tally(Tokens(input=111, output=111), 0.75)
    anew = report(tmp_path, said("a"), last, before=Tally(Tokens(input=600, output=600), 5.0))
    assert (anew.usage.input_tokens, anew.usage.cost_usd) == (111, 0.75)


def test_a_question_without_any_work_blocks(tmp_path: Path) -> None:
    ask = {"type": "tool_use", "name": "AskUserQuestion", "input": {"question": "Which database?"}}
    got = report(tmp_path, {"type": "assistant", "message": {"id": "m", "content": [ask]}}, RESULT)
    assert got.error
    assert (got.finished, got.error.kind) == (False, "blocked")
    assert "Which database?" in got.error.message
