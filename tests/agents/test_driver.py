"""What all drivers of CLIs share: finding the program, and what must be readable for it to run."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from chargehand.agents.driver import Driver, beyond_system
from chargehand.agents.registry import KINDS, make_agent
from chargehand.model.config import AgentConfig, AgentKind, PriceConfig
from chargehand.model.work import Exit, Tally, Tokens, Usage
from chargehand.ports import Agent, Call


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def claude(root: Path, name: str = "") -> Agent:
    return make_agent("helper", AgentConfig(kind="claude", program=name), root)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_what_is_missing_is_said_with_how_to_get_it(tmp_path: Path, path: Path) -> None:
    reason = claude(tmp_path).preflight()
    assert "claude was not found on PATH" in reason
    assert "(hint: install with npm i -g @anthropic-ai/claude-code" in reason
    program(path / "claude")
    assert claude(tmp_path).preflight() == ""


def test_a_program_with_a_path_is_the_projects_own(tmp_path: Path) -> None:
    assert "does not exist" in claude(tmp_path, "tools/claude").preflight()
    program(tmp_path / "tools" / "claude")
    assert claude(tmp_path, "tools/claude").preflight() == ""
    argv = claude(tmp_path, "tools/claude").prepare(Call(prompt="", workspace="/w", home="/h"), {}).argv
    assert argv[0] == str(tmp_path / "tools" / "claude")


def test_it_is_started_by_its_full_path(tmp_path: Path, path: Path) -> None:
    program(path / "claude")
    call = Call(prompt="", workspace="/w", home="/h")
    assert claude(tmp_path).prepare(call, {"PATH": str(path)}).argv[0] == str(path / "claude")


def test_a_package_of_npm_is_all_its_modules_and_node(tmp_path: Path, path: Path) -> None:
    node = program(tmp_path / "node22" / "bin" / "node")
    (path / "node").symlink_to(node)
    modules = tmp_path / "prefix" / "lib" / "node_modules"
    real = program(modules / "@anthropic-ai" / "claude-code" / "cli.js", "#!/usr/bin/env node\n")
    (path / "claude").symlink_to(real)
    wanted = {str(path / "claude"), str(modules), str(path / "node"), str(tmp_path / "node22")}
    assert set(claude(tmp_path).places()) == wanted


def test_a_package_of_pnpm_is_its_whole_store(tmp_path: Path, path: Path) -> None:
    store = tmp_path / "global" / "5" / ".pnpm"
    real = program(store / "claude@1" / "node_modules" / "claude" / "cli", "#!/bin/sh\n")
    (path / "claude").symlink_to(real)
    assert set(claude(tmp_path).places()) == {str(path / "claude"), str(store)}


def test_a_lone_binary_is_itself(tmp_path: Path, path: Path) -> None:
    real = program(tmp_path / "share" / "claude" / "versions" / "2.1", "\x7fELF")
    (path / "claude").symlink_to(real)
    assert claude(tmp_path).places() == (str(path / "claude"), str(real))


def test_a_program_of_a_virtual_environment_needs_that_and_its_python(tmp_path: Path, path: Path) -> None:
    python = program(tmp_path / "python3.11" / "bin" / "python3.11")
    venv = tmp_path / "venv"
    real = program(venv / "bin" / "claude", f"#!{venv}/bin/python\n")
    (venv / "pyvenv.cfg").touch()
    (venv / "bin" / "python").symlink_to(python)
    (path / "claude").symlink_to(real)
    assert {str(venv), str(tmp_path / "python3.11")} <= set(claude(tmp_path).places())


def test_the_users_home_is_never_opened(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    node = program(home / "bin" / "node")
    (path / "node").symlink_to(node)
    program(path / "claude", "#!/usr/bin/env node\n")
    assert str(node) in claude(tmp_path).places()
    for place in claude(tmp_path).places():
        assert not home.is_relative_to(place)
    assert beyond_system([home, tmp_path, Path("/"), Path("/usr/lib/x"), home / "x"]) == (str(home / "x"),)


def test_what_is_not_there_has_no_places(tmp_path: Path, path: Path) -> None:
    assert claude(tmp_path).places() == ()


@pytest.mark.parametrize("kind", ["claude", "codex"])
def test_it_says_what_it_can(tmp_path: Path, kind: str) -> None:
    agent = make_agent("helper", AgentConfig(kind=kind, model="m", paid=False), tmp_path)  # type: ignore[arg-type]
    assert (agent.name, agent.model, agent.paid, agent.edits, agent.resumes) == ("helper", "m", False, True, True)
    assert agent.api


def test_every_kind_of_the_settings_has_a_driver() -> None:
    assert set(KINDS) == set(get_args(AgentKind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("acp", "command", "scripted")])
def test_what_the_user_says_of_prices_counts(tmp_path: Path, kind: str) -> None:
    config = AgentConfig(kind=kind, model="my-own-model", paid=False)  # type: ignore[arg-type]
    prices = {"my-own-model": PriceConfig(input=1_000_000.0, output=2_000_000.0)}
    agent = make_agent("helper", config, tmp_path, prices)
    assert isinstance(agent, Driver)
    assert agent.price
    assert agent.price.cost(Tokens(input=3, output=2)) == 7.0


def test_a_stream_without_money_costs_what_the_user_says(tmp_path: Path) -> None:
    stream = b'{"type":"turn.completed","usage":{"input_tokens":3,"output_tokens":2}}\n'
    (tmp_path / "stdout.log").write_bytes(b'{"type":"item.completed","item":{"type":"agent_message","text":"x"}}\n' + stream)
    prices = {"my-own-model": PriceConfig(input=1_000_000.0, output=2_000_000.0)}
    agent = make_agent("helper", AgentConfig(kind="codex", model="my-own-model"), tmp_path, prices)
    assert agent.report(tmp_path / "stdout.log", Exit(cause="exited", code=0), Tally()).usage == Usage(3, 2, 7.0)
