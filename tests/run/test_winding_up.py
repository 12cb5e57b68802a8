"""A task whose attempt just ended is not started again before it was decided whether it may be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import Place

# Throwing a workspace away takes long, so that others end meanwhile and wake the engine.
SLOW = """
import sys, time
from chargehand.depot.depot import GitDepot
discard = GitDepot.discard
def slowly(self, name):
    time.sleep(0.4 if name.endswith("TASK-001.1") else 0)
    discard(self, name)
GitDepot.discard = slowly
from chargehand.doors.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_no_attempt_beyond_those_allowed_while_others_end(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = [f"TASK-{number:03d}" for number in range(1, 9)]
    place.spec(*names)
    receipts = tmp_path / "receipts"
    then = "case $CHARGEHAND_TASK_ID in *-001) exit 1;; esac; sleep 0.1; echo x > $CHARGEHAND_TASK_ID"
    place.config("jobs = 4\n[retry]\nattempts = 1", agent=f"echo $CHARGEHAND_TASK_ID >> {receipts}; {then}")
    monkeypatch.setattr("tests.run.conftest.COMMAND", [sys.executable, "-c", SLOW])
    place.run("run", "--all", code=1)
    assert sorted(receipts.read_text().split()) == names
