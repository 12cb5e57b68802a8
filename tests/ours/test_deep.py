"""The agent on an agent library, end to end against the model server, in every provider's words."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from chargehand.agents import deep
from chargehand.ports import Room
from chargehand.process.bubblewrap import Bubblewrap
from tests.kit.modelserver import ModelServer
from tests.kit.processes import until
from tests.ours.conftest import KEY, Desk, gateway

if deep._place("pydantic_ai") is None and not os.environ.get("CI"):
    pytest.skip("the extra is not installed: pip install chargehand[deep]", allow_module_level=True)

APIS = ["anthropic", "openai", "gemini"]
MODEL = "test-model"


def agent(desk: Desk, api: str = "openai", **settings: object) -> deep.DeepAgent:
    made = desk.agent("deep", model=MODEL, api=api, **settings)
    assert isinstance(made, deep.DeepAgent)
    return made


@pytest.mark.parametrize("api", APIS)
def test_it_writes_runs_and_tells_what_it_used(api: str, desk: Desk, server: ModelServer) -> None:
    server.key = KEY
    one = agent(desk, api)
    assert one.preflight() == ""
    report = desk.run(one, desk.call("SCENARIO: ok", gateway=gateway(server), instructions="Be careful."))
    assert (report.finished, report.error) == (True, None)
    assert report.answer == "I wrote the file and ran the check."
    assert (desk.workspace / "hello.txt").read_text() == "hello from the scripted model\n"
    assert (desk.workspace / "hello.txt.ran").exists()
    assert KEY not in (desk.workspace / "hello.txt.env").read_text()  # no tool inherits the key
    assert report.turns == 3
    assert report.session == "5e55-1"
    spent = server.spent()
    assert (report.usage.input_tokens, report.usage.output_tokens) == (spent.input, spent.output)
    asked = server.requests[0].asked
    assert asked
    assert "Be careful." in asked.turns[0].text + asked.turns[1].text
    told = [(each.kind, each.name) for each in desk.signals(one)]
    for expected in [("tool", "write_file"), ("file", "hello.txt"), ("tool", "shell"), ("tool_result", "shell")]:
        assert expected in told


def test_a_session_is_gone_on_with_and_forked(desk: Desk, server: ModelServer) -> None:
    one = agent(desk)
    first = desk.run(one, desk.call("SCENARIO: ok", gateway=gateway(server)))
    again = desk.run(one, desk.call("SCENARIO: say:again", gateway=gateway(server), resume=first.session, session="5e55-2"))
    assert (again.answer, again.session) == ("again", first.session)
    fork = desk.run(one, desk.call("SCENARIO: say:x", gateway=gateway(server), resume=first.session, session="5e55-2", fork=True))
    assert fork.session == "5e55-2"
    asked = [request.asked for request in server.requests]
    assert asked[-2]
    assert asked[-1]
    assert asked[-2].earlier == 3
    assert asked[-1].earlier == 4


def test_a_killed_session_is_gone_on_with(desk: Desk, server: ModelServer) -> None:
    one = agent(desk)
    process = desk.start(one, desk.call("SCENARIO: stuck", gateway=gateway(server)))
    until(lambda: len(server.requests) > 1, "it waits for the second answer")
    process.send_signal(signal.SIGKILL)
    desk.end(process)
    report = desk.run(one, desk.call("go on", gateway=gateway(server), resume="5e55-1"))
    assert (report.finished, report.error) == (True, None)
    assert (desk.workspace / "hello.txt.ran").exists()


def test_a_schema_is_kept(desk: Desk, server: ModelServer) -> None:
    schema = '{"type": "object", "properties": {"verdict": {"type": "string"}}, "required": ["verdict"]}'
    report = desk.run(agent(desk), desk.call("SCENARIO: answer", gateway=gateway(server), schema=schema, read_only=True))
    assert json.loads(report.answer) == {"verdict": "x"}
    asked = server.requests[0].asked
    assert asked
    assert set(asked.tools) == {"list_files", "read_file", "search", "todo", "StructuredOutput"}


@pytest.mark.parametrize(
    ("scenario", "api", "kind"),
    [
        ("401", "anthropic", "auth"),
        ("429", "openai", "rate_limit"),
        ("503", "gemini", "capacity"),
        ("toolong", "openai", "context_overflow"),
        ("cut", "anthropic", "network"),
    ],
)
def test_what_a_provider_says_is_classified(scenario: str, api: str, kind: str, desk: Desk, server: ModelServer) -> None:
    report = desk.run(agent(desk, api), desk.call(f"SCENARIO: {scenario}", gateway=gateway(server)))
    assert report.finished is False
    assert report.error
    assert report.error.kind == kind, report.error
    assert len(server.requests) == (2 if scenario == "cut" else 1)  # to try again is not its business


def test_without_a_key_nobody_is_asked(desk: Desk, server: ModelServer) -> None:
    report = desk.run(agent(desk), desk.call("SCENARIO: ok"))
    assert report.error
    assert report.error.kind == "auth"
    report = desk.run(agent(desk, url=server.url), desk.call("SCENARIO: say:fine"))  # but a server of one's own is
    assert report.answer == "fine"


def test_it_has_only_so_many_turns(desk: Desk, server: ModelServer) -> None:
    report = desk.run(agent(desk, max_turns=3), desk.call("SCENARIO: loop", gateway=gateway(server)))
    assert report.error
    assert report.error.kind == "turn_limit"
    assert len(server.requests) == 3


def test_a_tool_it_does_not_have(desk: Desk, server: ModelServer) -> None:
    report = desk.run(agent(desk), desk.call("SCENARIO: unknown", gateway=gateway(server)))
    assert report.finished is True
    assert (desk.workspace / "hello.txt").exists()


def test_without_the_extra_it_says_how_to_get_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep, "_LIBRARY", "no_such_library")
    assert "pip install 'chargehand[deep]'" in agent(desk).preflight()


@pytest.mark.skipif(bool(Bubblewrap().preflight()), reason="bubblewrap does not work here")
def test_it_works_in_a_cage(desk: Desk, server: ModelServer) -> None:
    desk.home.mkdir()
    room = Room(writable=(str(desk.workspace), str(desk.home)), hidden=(str(Path(__file__).parents[2]),), network=True)
    report = desk.run(agent(desk), desk.call("SCENARIO: ok", gateway=gateway(server)), None, room)
    assert report.finished is True, (desk.place / "stderr.log").read_text()
    assert (desk.workspace / "hello.txt").exists()
