"""Through the real command line: what follows when a provider does not answer. That each program tells of it is in test_matrix."""

from __future__ import annotations

import pytest

from tests.clis.conftest import Site
from tests.clis.programs import PROGRAMS
from tests.kit.script import TEXT

SOON = "[retry]\nwait_seconds = 0.1\nattempts = 1"


def refusals(site: Site) -> list[int]:
    return [request.status for request in site.server.requests if request.status >= 400]


@pytest.mark.parametrize("program", ["claude"], indirect=True)
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


@pytest.mark.parametrize("program", ["codex"], indirect=True)
def test_a_provider_that_never_answers_is_given_up(site: Site) -> None:
    site.prepare("hang", config=f"{SOON}\n[timeouts]\nstall_minutes = 0.06\nkill_seconds = 1")
    site.run("run", code=1)
    assert site.states() == {"TASK-001": "failed"}
    assert site.outcomes() == ["stall"]


def test_every_program_is_tried() -> None:
    assert set(PROGRAMS) == {"claude", "codex", "opencode", "pi", "gemini"}
