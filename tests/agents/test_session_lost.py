"""Through the real command line: a session that is gone when it was to be gone on with costs no try, and no money."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.agents.recorded import STREAMS
from tests.run.conftest import Place

# Cut short by a rate limit after it had worked; not to be found again; then begun anew.
CLAUDE = """#!/bin/sh
case "$*" in
*--resume*) cat {streams}/resume_unknown.jsonl; exit 1 ;;
esac
mkdir "{mark}" 2>/dev/null && {{ head -n 5 {streams}/ok.jsonl; tail -n 1 {streams}/429.jsonl; exit 1; }}
echo hello > hello.txt
cat {streams}/ok.jsonl
"""


@pytest.fixture
def place(git_repo: Callable[..., Path], tmp_path: Path) -> Place:
    """A project whose agent is a program that writes what Claude Code really wrote."""
    [streams] = (STREAMS / "claude").iterdir()
    program = tmp_path / "claude"
    program.write_text(CLAUDE.format(streams=streams, mark=tmp_path / "begun"))
    program.chmod(0o755)
    own = Path.home() / ".config" / "chargehand" / "config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    retry = "[retry]\nattempts = 1\nwait_seconds = 0.1\n"
    own.write_text(f'agent = "c"\nmeter = false\n{retry}[agents.c]\nkind = "claude"\nprogram = "{program}"\n')
    made = Place(git_repo())
    made.spec("TASK-001")
    return made


def test_a_session_that_is_gone_is_begun_anew_and_costs_no_try(place: Place) -> None:
    place.run("run", env={"CHARGEHAND_CAGE": "none"})
    attempts = place.json("show", "TASK-001")["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["unavailable", "interrupted", "landed"]
    assert "session lost: No conversation found" in attempts[1]["reason"]
    assert attempts[1]["cost_usd"] == 0
    assert place.landed() == ["TASK-001"]
