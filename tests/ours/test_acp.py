"""The client of the Agent Client Protocol, with a small agent that speaks it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from chargehand.model.errors import ConfigProblem
from chargehand.model.work import Tally
from chargehand.ports import Agent
from tests.kit.processes import around, until
from tests.ours.conftest import Desk

REPOSITORY = Path(__file__).parents[2]


def acp(desk: Desk, *options: str, **settings: object) -> Agent:
    entry = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); from tests.kit.acp_agent import main; main()"
    return desk.agent("acp", command=[sys.executable, "-c", entry, *options], **settings)


def test_a_prompt_from_begin_to_end(desk: Desk) -> None:
    agent = acp(desk)
    report = desk.run(agent, desk.call("write hello.txt some words\nrun echo ran > ran.txt\nsay I did it."))
    assert (report.finished, report.error, report.answer) == (True, None, "I did it.")
    assert (desk.workspace / "hello.txt").read_text() == "some words\n"
    assert (desk.workspace / "ran.txt").read_text() == "ran\n"
    assert (report.usage.input_tokens, report.usage.output_tokens, report.usage.cost_usd) == (130, 20, 0.5)
    assert report.session.startswith("sess-")
    told = [(signal.kind, signal.name) for signal in desk.signals(agent)]
    assert ("tool", "edit") in told
    assert ("file", str(desk.workspace / "hello.txt")) in told
    assert ("tool", "execute") in told


@pytest.mark.parametrize("path", ["../outside.txt", "link/outside.txt"])
def test_nothing_outside_of_the_workspace_is_allowed(path: str, desk: Desk) -> None:
    (desk.workspace / "link").symlink_to(desk.root)
    report = desk.run(acp(desk), desk.call(f"write {path} x\nsay I could not."))
    assert not (desk.root / "outside.txt").exists()
    assert (report.finished, report.answer) == (True, "I could not.")


def test_nothing_is_changed_by_who_is_only_asked(desk: Desk) -> None:
    report = desk.run(acp(desk), desk.call("write a.txt x\nrun touch b.txt\nsay seen", read_only=True))
    assert list(desk.workspace.iterdir()) == []
    assert (report.finished, report.answer) == (True, "seen")


@pytest.mark.parametrize("without", [[], ["resume"]], ids=["resume", "load"])
def test_a_session_is_gone_on_with(without: list[str], desk: Desk) -> None:
    agent = acp(desk, *(f"--without={name}" for name in without))
    first = desk.run(agent, desk.call("say one"))
    desk.run(agent, desk.call("say two", resume=first.session))
    second = desk.report(agent, 0, first.total)
    assert second.session == first.session
    assert second.answer == "1 beforetwo"  # what was said before is not said again
    assert second.usage.cost_usd == pytest.approx(0.5)  # it tells the sum of the session
    assert second.total.cost_usd == pytest.approx(1.0)


def test_a_session_is_forked(desk: Desk) -> None:
    agent = acp(desk)
    first = desk.run(agent, desk.call("say one"))
    assert desk.run(agent, desk.call("say two", resume=first.session, fork=True)).session == f"{first.session}-fork"


def test_an_agent_without_sessions_says_so(desk: Desk) -> None:
    agent = acp(desk, "--without=resume", "--without=load")
    first = desk.run(agent, desk.call("say one"))
    report = desk.run(agent, desk.call("say two", resume=first.session))
    assert report.finished is False
    assert report.error
    assert "cannot go on with a session" in report.error.message


def test_the_model_is_chosen(desk: Desk) -> None:
    assert desk.run(acp(desk, model="large"), desk.call("say {model}")).answer == "large"
    report = desk.run(acp(desk, "--without=models", model="large"), desk.call("say {model}"))
    assert report.error
    assert report.error.kind == "model_not_found"


def test_its_key_is_used_when_it_asks_for_that(desk: Desk) -> None:
    assert desk.run(acp(desk, "--keyed"), desk.call("say in")).answer == "in"


def test_instructions_and_schema_come_before_the_prompt(desk: Desk) -> None:
    agent = acp(desk, instructions="say first")
    assert desk.run(agent, desk.call("say second", schema='{"type": "object"}')).answer == "firstsecond"
    [stored] = (desk.home / "acp").iterdir()
    assert '{"type": "object"}' in json.loads(stored.read_text())[0]


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("fail 401 Unauthorized", "auth"),
        ("fail 429 Too Many Requests", "rate_limit"),
        ("crash", "crash"),
        ("stop max_tokens", "context_overflow"),
        ("stop max_turn_requests", "turn_limit"),
        ("stop refusal", "blocked"),
        ("", "empty"),
    ],
)
def test_how_it_ended(prompt: str, kind: str, desk: Desk) -> None:
    report = desk.run(acp(desk), desk.call(prompt))
    assert report.finished is False
    assert report.error
    assert report.error.kind == kind


def test_another_version_is_not_spoken(desk: Desk) -> None:
    report = desk.run(acp(desk, "--without=version1"), desk.call("say x"))
    assert report.error
    assert "version 2" in report.error.message


def test_it_has_only_so_many_calls(desk: Desk) -> None:
    report = desk.run(acp(desk, max_turns=3), desk.call("calls 10\nwait"))
    assert report.error
    assert report.error.kind == "turn_limit"


def test_what_the_client_does_not_know_is_refused(desk: Desk) -> None:
    told = json.loads(desk.run(acp(desk), desk.call("ask fs/read_text_file")).answer)
    assert told["code"] == -32601


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_cancelled(number: int, desk: Desk) -> None:
    agent = acp(desk, "--linger")
    process = desk.start(agent, desk.call("quietly a.txt x\nwait"))
    until((desk.workspace / "a.txt").exists, "it works")
    process.send_signal(number)
    code = desk.end(process)
    assert code == 143
    assert (desk.home / "cancelled").exists()  # it was told, not only killed
    report = desk.report(agent, code)
    assert report.finished is False
    until(lambda: not around(desk.root), "nothing is left")


def test_an_agent_that_never_reads_is_killed(desk: Desk) -> None:
    agent = desk.agent("acp", command=["/bin/sh", "-c", "trap '' TERM; sleep 1000"])
    process = desk.start(agent, desk.call("hello"))
    until(lambda: len(around(desk.root)) > 2, "it runs")
    process.terminate()
    assert desk.end(process) == 143
    until(lambda: not around(desk.root), "nothing is left")


def test_a_provider_is_told_by_environment(desk: Desk) -> None:
    agent = acp(desk, api="openai", url="http://10.0.0.1", key="SOME_KEY")
    assert agent.api == "openai"
    env = agent.prepare(desk.call("x"), {"SOME_KEY": "secret", "OTHER": "x"}).env
    assert env == {"OPENAI_API_KEY": "secret", "OPENAI_BASE_URL": "http://10.0.0.1/v1"}
    assert acp(desk).prepare(desk.call("x"), {"OPENAI_API_KEY": "secret"}).env == {}


def test_a_command_is_needed(desk: Desk) -> None:
    with pytest.raises(ConfigProblem, match="has no command"):
        desk.agent("acp")
    assert "was not found" in desk.agent("acp", command="no-such-agent").preflight()
    report = desk.run(desk.agent("acp", command="/no/such/agent"), desk.call("x"))
    assert report.error
    assert report.finished is False


def test_a_sum_below_what_it_was_is_a_new_one(desk: Desk) -> None:
    agent = acp(desk)
    desk.run(agent, desk.call("say x"))
    assert desk.report(agent, 0, Tally(cost_usd=9.0)).usage.cost_usd == 0.5
