"""Through the real command line: what a provider may do instead of answering, and what becomes of the task."""

from __future__ import annotations

import pytest

from tests.clis.conftest import Site, each, quick
from tests.clis.programs import PROGRAMS
from tests.kit.script import TEXT

SOON = "[retry]\nwait_seconds = 0.1\nattempts = 1"


def refusals(site: Site) -> list[int]:
    return [request.status for request in site.server.requests if request.status >= 400]


@quick
def test_a_key_that_is_not_taken_is_for_a_person_to_mend(site: Site) -> None:
    site.prepare("ok", config=SOON)
    site.server.key = "another key"
    site.run("run", code=4)
    assert site.states() == {"TASK-001": "needs_human"}
    assert site.outcomes() == ["refused"]
    assert set(refusals(site)) == {401}
    assert len(refusals(site)) <= 3, "it is not tried again and again"
    site.server.key = ""
    site.run("retry", "TASK-001")
    assert site.content("hello.txt") == TEXT.strip()


@quick
def test_a_rate_limit_is_waited_out_and_the_agent_never_hears_of_it(site: Site) -> None:
    site.prepare("flaky:1:429", config=SOON)
    site.run("run")
    assert refusals(site) == [429]
    assert site.outcomes() == ["landed"]


@pytest.mark.parametrize(("program", "code"), [*((kind, 500) for kind in PROGRAMS), ("claude", 529)], indirect=["program"])
def test_a_provider_in_trouble_costs_no_try(site: Site, code: int) -> None:
    site.prepare(f"flaky:2:{code}", config=SOON)
    site.run("run")
    assert refusals(site) == [code, code]
    assert site.content("hello.txt") == TEXT.strip()
    assert {*site.outcomes()} <= {"unavailable", "landed"}


@quick
def test_a_context_that_is_full_fails_the_try(site: Site) -> None:
    site.prepare("context", config=SOON)
    site.run("run", code=1)
    assert site.states() == {"TASK-001": "failed"}
    assert site.outcomes() == ["agent_failed"]
    assert "context" in site.attempts()[0]["reason"]


@each
def test_a_stream_that_breaks_off_is_no_answer(site: Site) -> None:
    site.prepare("cut:1", config=SOON)
    site.run("run")
    assert sum(request.broken for request in site.server.requests) == 1
    assert (site.content("hello.txt"), site.content("hello.txt.ran")) == (TEXT.strip(), "ran")


@quick
def test_a_provider_that_never_answers_is_given_up(site: Site) -> None:
    site.prepare("hang", config=f"{SOON}\n[timeouts]\nstall_minutes = 0.06\nkill_seconds = 1")
    site.run("run", code=1)
    assert site.states() == {"TASK-001": "failed"}
    assert site.outcomes() == ["stall"]


@pytest.mark.parametrize("program", ["claude"], indirect=True)
def test_a_tool_it_may_not_use_is_for_a_person_to_decide(site: Site) -> None:
    denied = """args = ["--settings", '{"permissions": {"deny": ["Bash(touch:*)"]}}']"""
    site.prepare("denied:touch+more.txt", config=SOON, agent=denied)
    site.run("run", code=4)
    assert site.states() == {"TASK-001": "needs_human"}
    assert site.outcomes() == ["refused"]
    assert not (site.root / "hello.txt").exists()


def test_every_program_is_tried() -> None:
    assert set(PROGRAMS) == {"claude", "codex", "opencode", "pi", "gemini"}
