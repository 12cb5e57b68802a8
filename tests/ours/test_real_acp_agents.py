"""Agents that others wrote and that speak the Agent Client Protocol, as `make agents` installs them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.work import Report
from tests.kit.loopback import Loopback
from tests.kit.modelserver import ModelServer
from tests.ours.conftest import KEY, Desk, gateway

PLACE = Path(__file__).parents[2] / ".venv" / "agents" / "bin"


@pytest.fixture
def net() -> Iterator[Loopback]:
    inside = Loopback()
    yield inside
    inside.close()


@pytest.fixture
def alone(net: Loopback) -> Iterator[ModelServer]:
    with ModelServer(key=KEY, listen=net.listen) as running:
        yield running


@pytest.fixture
def calm(desk: Desk, net: Loopback) -> Desk:
    """Where programs cannot reach out."""
    if not (PLACE.parent / ".installed").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the agents' programs are not installed: make agents")
    desk.within = net.call
    return desk


def settled(desk: Desk, kind: str, model: str, server: ModelServer) -> dict[str, str]:
    """The program's own settings in its HOME, as our driver for it writes them; what it is told by environment."""
    config = AgentConfig(kind=kind, model=model, program=str(PLACE / kind))  # type: ignore[arg-type]
    prepared = make_agent("x", config, desk.root).prepare(desk.call("", gateway=gateway(server)), {"PATH": os.environ["PATH"]})
    for name, text in prepared.files.items():
        (desk.home / name).parent.mkdir(parents=True, exist_ok=True)
        (desk.home / name).write_text(text)
    return prepared.env


def did_it(desk: Desk, report: Report, server: ModelServer) -> None:
    transcript = (desk.place / "stdout.log").read_text() + (desk.place / "stderr.log").read_text()
    assert report.finished is True, transcript
    assert report.answer.endswith("I wrote the file and ran the check.")
    assert (desk.workspace / "hello.txt").read_text() == "hello from the scripted model\n"
    assert (desk.workspace / "hello.txt.ran").exists()
    assert server.spent().output


def test_opencode(calm: Desk, alone: ModelServer) -> None:
    told = settled(calm, "opencode", "test-model", alone)
    agent = calm.agent("acp", command=[str(PLACE / "opencode"), "acp"], env=list(told))
    report = calm.run(agent, calm.call("SCENARIO: ok"), {**told, "PATH": f"{PLACE}:{os.environ['PATH']}"})
    did_it(calm, report, alone)


def test_gemini(calm: Desk, alone: ModelServer) -> None:
    told = settled(calm, "gemini", "gemini-2.5-flash", alone)
    (calm.home / ".gemini" / "settings.json").write_text(
        json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}}})
    )
    command = [str(PLACE / "gemini"), "--acp", "--model", "gemini-2.5-flash"]
    names = [name for name in told if name.startswith("GEMINI_CLI")]
    agent = calm.agent("acp", command=command, api="gemini", env=names)
    call = calm.call("SCENARIO: ok", gateway=gateway(alone))
    report = calm.run(agent, call, {**told, "PATH": f"{PLACE}:{os.environ['PATH']}"})
    did_it(calm, report, alone)
