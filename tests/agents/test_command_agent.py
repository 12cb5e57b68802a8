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
from chargehand.model.work import Usage
from chargehand.ports import Agent


def agent(tmp_path: Path, command: str | list[str], model: str = "", env: list[str] | None = None) -> Agent:
    return make_agent("helper", AgentConfig(command=command, model=model, env=env or []), tmp_path)


def test_a_real_program_gets_its_arguments_whole(tmp_path: Path) -> None:
    made = agent(tmp_path, "printf '%s|' {prompt_file} 'in {workspace}' --model={model} '{other} {}' \"a b\"", model="m 1")
    argv = made.command("/tmp/the prompt.md", "/w/$(x)")
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert printed == "/tmp/the prompt.md|in /w/$(x)|--model=m 1|{other} {}|a b|"


def test_values_are_not_substituted_again(tmp_path: Path) -> None:
    made = agent(tmp_path, ["echo", "{model}", "{workspace}"], model="{workspace}")
    assert made.command("p", "{prompt_file}") == ("echo", "{workspace}", "{prompt_file}")


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
    assert agent(tmp_path, command).command("p", "w") == expected


def test_with_a_model_the_option_stays(tmp_path: Path) -> None:
    made = agent(tmp_path, "run --model {model} -p", model="big")
    assert made.command("p", "w") == ("run", "--model", "big", "-p")
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
    done = subprocess.run(made.command("p", str(workspace)), cwd=workspace, capture_output=True, text=True, check=True)
    assert done.stdout == "ran x\n"


def test_an_absurd_program_name_is_only_not_there(tmp_path: Path) -> None:
    assert agent(tmp_path, ["./" + "x" * 5000]).preflight()


def test_only_named_variables_are_passed(tmp_path: Path) -> None:
    made = agent(tmp_path, "true", env=["API_KEY", "NOT_SET"])
    assert made.environment({"API_KEY": "k", "OTHER": "o", "PATH": "/bin"}) == {"API_KEY": "k"}
    assert agent(tmp_path, "true").environment({"API_KEY": "k"}) == {}


def test_usage_comes_from_the_transcript(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_text('{"cost_usd": 0.5}\n')
    assert agent(tmp_path, "true").report(log).usage == Usage(cost_usd=0.5)


def test_the_kind_decides(tmp_path: Path) -> None:
    assert isinstance(agent(tmp_path, "true"), CommandAgent)
    assert isinstance(make_agent("s", AgentConfig(kind="scripted", script="a.toml"), tmp_path), ScriptedAgent)
