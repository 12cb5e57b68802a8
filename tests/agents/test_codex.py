"""How Codex is started, and what its rarer lines mean. What it really writes is in test_recorded_streams.py."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally
from chargehand.ports import Agent, Call, Gateway, Prepared

GATE = Gateway("http://127.0.0.1:4545", "worthless")


def codex(**settings: Any) -> Agent:
    return make_agent("x", AgentConfig(kind="codex", **settings), Path("/"))


def prepared(agent: Agent, ambient: dict[str, str] | None = None, **call: Any) -> Prepared:
    given: dict[str, Any] = {"prompt": "do it", "workspace": "/w", "home": "/h", "gateway": GATE}
    return agent.prepare(Call(**(given | call)), ambient or {})


def settings_of(made: Prepared) -> dict[str, Any]:
    return tomllib.loads(made.files[".codex/config.toml"])


def test_a_call_is_headless_and_kept_to_itself() -> None:
    made = prepared(codex(model="gpt-5.4", args=["--search"]))
    assert made.stdin
    assert made.argv[1:] == (
        *("exec", "--json", "--skip-git-repo-check", "-C", "/w", "--dangerously-bypass-approvals-and-sandbox"),
        *("-m", "gpt-5.4", "--ignore-rules", "--search", "-"),
    )
    assert made.env == {"CODEX_HOME": "/h/.codex", "OPENAI_API_KEY": "worthless"}
    settings = settings_of(made)
    assert settings["projects"]["/w"]["trust_level"] == "untrusted"
    assert settings["shell_environment_policy"]["exclude"] == ["OPENAI_API_KEY"]
    provider = settings["model_providers"][settings["model_provider"]]
    assert provider["base_url"] == "http://127.0.0.1:4545/v1"
    assert (provider["request_max_retries"], provider["stream_max_retries"]) == (0, 0)
    assert provider["env_key"] == "OPENAI_API_KEY"
    assert "worthless" not in made.files[".codex/config.toml"]


def test_a_trusted_workspace_is_obeyed() -> None:
    made = prepared(codex(), trusted=True)
    assert settings_of(made)["projects"]["/w"]["trust_level"] == "trusted"
    assert "--ignore-rules" not in made.argv


@pytest.mark.parametrize(
    ("call", "end"),
    [({}, ("-",)), ({"resume": "s1"}, ("resume", "s1", "-")), ({"resume": "s1", "fork": True}, ("fork", "s1", "-"))],
)
def test_a_session_is_gone_on_with_or_forked(call: dict[str, Any], end: tuple[str, ...]) -> None:
    argv = prepared(codex(), session="chosen", **call).argv
    assert argv[-len(end) :] == end
    assert "chosen" not in argv  # it gives its sessions names of its own


def test_a_call_that_is_to_answer_changes_nothing() -> None:
    made = prepared(codex(), read_only=True, schema='{"type":"object"}')
    assert made.argv[made.argv.index("--sandbox") + 1] == "read-only"
    assert "--dangerously-bypass-approvals-and-sandbox" not in made.argv
    path = made.argv[made.argv.index("--output-schema") + 1]
    assert made.files[path.removeprefix("/h/")] == '{"type":"object"}'


def test_any_text_survives_its_settings() -> None:
    text = 'Say "hi".\n\\ back, tab\t, ünïcode 🙂, \x7f and \x01'
    made = prepared(codex(instructions="First."), instructions=text, workspace='/w "odd" ünï')
    assert settings_of(made)["developer_instructions"] == f"First.\n\n{text}"
    assert list(settings_of(made)["projects"]) == ['/w "odd" ünï']


@pytest.mark.parametrize(
    ("settings", "ambient", "address"),
    [
        ({}, {"OPENAI_API_KEY": "real"}, "https://api.openai.com/v1"),
        ({"key": "MINE", "url": "https://llm.example"}, {"MINE": "real"}, "https://llm.example/v1"),
        ({"key": "MINE", "url": "https://llm.example/api/v1/"}, {"MINE": "real"}, "https://llm.example/api/v1"),
    ],
)
def test_without_a_gateway_it_has_the_key_of_the_settings(settings: dict[str, Any], ambient: dict[str, str], address: str) -> None:
    made = prepared(codex(**settings), ambient, gateway=None)
    assert made.env["OPENAI_API_KEY"] == "real"
    assert settings_of(made)["model_providers"]["chargehand"]["base_url"] == address


def test_without_a_key_it_uses_its_own_login() -> None:
    for made in (prepared(codex(), gateway=None), prepared(codex(login=True), {"OPENAI_API_KEY": "real"}, gateway=None)):
        assert "OPENAI_API_KEY" not in made.env
        assert not {"model_provider", "model_providers"} & set(settings_of(made))


def signals(*events: dict[str, Any]) -> list[Signal]:
    return [signal for event in events for signal in codex().signals(json.dumps(event).encode())]


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "i"} | fields}


def test_its_items_are_told() -> None:
    told = signals(
        item(type="file_change", changes=[{"path": "a.py", "kind": "add"}, {"path": "b.py", "kind": "update"}], status="completed"),
        item(type="reasoning", text="hm"),
        item(type="web_search", query="how"),
        item(type="command_execution", command="rm x", aggregated_output="", exit_code=None, status="declined"),
        item(type="brand_new", text="?"),
    )
    assert [(signal.kind, signal.name) for signal in told] == [
        ("file", "a.py"),
        ("file", "b.py"),
        ("thinking", ""),
        ("tool", "web_search"),
        ("denied", "rm x"),
        ("tool_result", ""),
    ]


def test_its_own_waiting_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    events: list[dict[str, Any]] = [
        {"type": "thread.started", "thread_id": "t"},
        {"type": "error", "message": "Reconnecting... 1/5 (unexpected status 529: Overloaded)"},
        item(type="agent_message", text="done"),
        {"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2}},
    ]
    path.write_text("\n".join(json.dumps(event) for event in events))
    assert codex().report(path, Exit(cause="exited", code=0), Tally()).finished is True
    path.write_text("\n".join(json.dumps(event) for event in events[:2]))
    report = codex().report(path, Exit(cause="stall", signal=9), Tally())
    assert (report.finished, report.error and report.error.kind) == (False, "capacity")


def test_a_window_that_is_closed_says_until_when(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    said = "You've hit your usage limit. Upgrade to Pro, or try again in 1 hour 5 minutes."
    path.write_text(json.dumps({"type": "turn.failed", "error": {"message": said}}))
    report = codex().report(path, Exit(cause="exited", code=1), Tally())
    assert report.error
    assert (report.error.kind, report.error.retry_after_s) == ("usage_window", 3900)


def test_what_a_model_without_a_price_costs_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    path.write_text(json.dumps({"type": "turn.completed", "usage": {"input_tokens": 10, "output_tokens": 2}}))
    for agent in (codex(model="nobody-knows-it"), codex()):
        usage = agent.report(path, Exit(cause="exited", code=0), Tally()).usage
        assert (usage.input_tokens, usage.output_tokens, usage.cost_usd) == (10, 2, None)
