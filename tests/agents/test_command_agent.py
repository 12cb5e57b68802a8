"""The agent that is any program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from chargehand.agents.command import CommandAgent
from chargehand.agents.registry import make_agent
from chargehand.agents.scripted import ScriptedAgent
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally, Usage
from chargehand.ports import Agent, Call, Prepared


def agent(tmp_path: Path, command: str | list[str], model: str = "", env: list[str] | None = None) -> Agent:
    return make_agent("helper", AgentConfig(command=command, model=model, env=env or []), tmp_path)


def prepared(made: Agent, workspace: str = "/w", home: str = "/h", ambient: dict[str, str] | None = None) -> Prepared:
    return made.prepare(Call(prompt="the brief", workspace=workspace, home=home), ambient or {})


def test_a_real_program_gets_its_arguments_whole(tmp_path: Path) -> None:
    made = agent(tmp_path, "printf '%s|' {prompt_file} 'in {workspace}' --model={model} '{other} {}' \"a b\"", model="m 1")
    argv = prepared(made, "/w/$(x)", "/the home").argv
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert printed == "/the home/prompt.md|in /w/$(x)|--model=m 1|{other} {}|a b|"


def test_values_are_not_substituted_again(tmp_path: Path) -> None:
    made = agent(tmp_path, ["echo", "{model}", "{workspace}"], model="{workspace}")
    assert prepared(made, "{prompt_file}").argv == ("echo", "{workspace}", "{prompt_file}")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run --model {model} -p", ("run", "-p")),
        ("run -m {model}", ("run",)),
        ("run {model} -p", ("run", "-p")),
        ("run sub {model} x", ("run", "sub", "x")),
        ("run --model={model} -p", ("run", "-p")),
        ("run 'model {model}' -p", ("run", "model ", "-p")),
    ],
)
def test_without_a_model_its_option_goes(tmp_path: Path, command: str, expected: tuple[str, ...]) -> None:
    assert prepared(agent(tmp_path, command)).argv == expected


def test_with_a_model_the_option_stays(tmp_path: Path) -> None:
    made = agent(tmp_path, "run --model {model} -p", model="big")
    assert prepared(made).argv == ("run", "--model", "big", "-p")
    assert (made.name, made.model) == ("helper", "big")


@pytest.mark.parametrize(
    "command", ["", "   ", [], [""], "run 'open", 'run "open', "run \\", ["run", "a\0b"], "{model} x", "{workspace}/x"]
)
def test_a_command_that_cannot_be_is_refused_with_a_hint(tmp_path: Path, command: str | list[str]) -> None:
    with pytest.raises(ConfigProblem) as caught:
        agent(tmp_path, command)
    assert "'helper'" in caught.value.message
    assert caught.value.hint


def test_the_open_quote_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="quotation") as caught:
        agent(tmp_path, "run 'open")
    assert "close the quote" in caught.value.hint


@pytest.mark.parametrize("command", ["a; b", "a | b", "a && b", "a > file 2>&1"])
def test_a_command_for_a_shell_is_refused_where_none_reads_it(tmp_path: Path, command: str) -> None:
    with pytest.raises(ConfigProblem, match="written for a shell") as caught:
        agent(tmp_path, command)
    assert '["sh", "-c", "..."]' in caught.value.hint
    made = agent(tmp_path, "a 'b; c' 'x > y' http://h/?a=1&b=2")
    assert prepared(made).argv == ("a", "b; c", "x > y", "http://h/?a=1&b=2")


def test_preflight_says_what_is_missing(tmp_path: Path) -> None:
    assert agent(tmp_path, "sh -c true").preflight() == ""
    reason = agent(tmp_path, "no-such-agent-anywhere -p").preflight()
    assert "no-such-agent-anywhere was not found on PATH" in reason
    assert "[agents.helper]" in reason


def test_a_program_of_the_project_is_found_from_its_root(tmp_path: Path) -> None:
    made = agent(tmp_path, ["tools/agent.sh", "x"])
    script = tmp_path / "tools" / "agent.sh"
    assert "does not exist" in made.preflight()
    script.parent.mkdir()
    script.write_text('#!/bin/sh\necho "ran $1"\n')
    assert "not an executable file" in made.preflight()
    script.chmod(0o755)
    assert made.preflight() == ""
    workspace = tmp_path / "elsewhere"
    workspace.mkdir()
    done = subprocess.run(prepared(made, str(workspace)).argv, cwd=workspace, capture_output=True, text=True, check=True)
    assert done.stdout == "ran x\n"


def test_an_absurd_program_name_is_only_not_there(tmp_path: Path) -> None:
    assert agent(tmp_path, ["./" + "x" * 5000]).preflight()


def test_only_named_variables_are_passed(tmp_path: Path) -> None:
    made = agent(tmp_path, "true", env=["API_KEY", "NOT_SET"])
    assert prepared(made, ambient={"API_KEY": "k", "OTHER": "o", "PATH": "/bin"}).env == {"API_KEY": "k"}
    assert prepared(agent(tmp_path, "true"), ambient={"API_KEY": "k"}).env == {}


def test_the_prompt_is_in_a_file_only_for_who_asks_for_it(tmp_path: Path) -> None:
    assert prepared(agent(tmp_path, "run {prompt_file}")).files == {"prompt.md": "the brief"}
    assert prepared(agent(tmp_path, "run -p")).files == {}
    assert prepared(agent(tmp_path, "run -p")).stdin


def test_where_the_program_lies_is_told_unless_the_system_has_it(tmp_path: Path) -> None:
    script = tmp_path / "tools" / "agent.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert agent(tmp_path, ["tools/agent.sh"]).places() == (str(script),)
    assert agent(tmp_path, ["true"]).places() == ()
    assert agent(tmp_path, ["no-such-agent-anywhere"]).places() == ()


def test_usage_comes_from_the_transcript(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_text('{"cost_usd": 0.5}\n')
    report = agent(tmp_path, "true").report(log, Exit(cause="exited", code=0), Tally())
    assert report.usage == Usage(cost_usd=0.5)
    assert report.finished is None  # its exit code decides


def test_its_lines_are_signals(tmp_path: Path) -> None:
    made = agent(tmp_path, "true")
    assert list(made.signals(b"working on it\n")) == [Signal(kind="text", text="working on it")]
    assert list(made.signals(b"\n")) == []
    [used] = made.signals(b'{"usage": {"input_tokens": 3}, "cost_usd": 0.5}')
    assert (used.kind, used.cost_usd, used.tokens and used.tokens.input) == ("usage", 0.5, 3)
    [error] = made.signals(b'{"error": {"kind": "auth", "message": "no key"}}')
    assert (error.kind, error.text, error.error and error.error.kind) == ("error", "no key", "auth")
    assert (made.api, made.edits, made.resumes) == ("", True, False)


def test_the_kind_decides(tmp_path: Path) -> None:
    assert isinstance(agent(tmp_path, "true"), CommandAgent)
    assert isinstance(make_agent("s", AgentConfig(kind="scripted", script="a.toml"), tmp_path), ScriptedAgent)
