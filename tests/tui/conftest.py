"""Projects with a ledger to look at: real runs, done once and copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.conftest import after, place, prepared
from tests.run.conftest import Place

__all__ = ["after", "finished", "place", "prepared"]

AGENT = """
echo "working on $CHARGEHAND_TASK_ID"
printf '{"cost_usd": 0.25, "usage": {"input_tokens": 1200, "output_tokens": 300}}\\n'
if [ "$CHARGEHAND_TASK_ID" = TASK-003 ]; then echo "I give up" >&2; exit 1; fi
mkdir -p out && echo "$CHARGEHAND_TASK_ID" > "out/$CHARGEHAND_TASK_ID.txt"
"""


def run_once(place: Place) -> None:
    """TASK-003 fails, TASK-004 waits for it, the others land."""
    place.spec("TASK-001 P0", "TASK-002 P2 after TASK-001", "TASK-003 P1", "TASK-004 P3 after TASK-003", commit=False)
    place.config('[retry]\nattempts = 2\n[gates.there]\ncommand = "ls out/*.txt"\n', agent=AGENT)
    place.run("run", "--all", code=1)


@pytest.fixture
def finished(after: Callable[[Callable[[Place], object]], Place]) -> Place:
    """A project after a run in which three kinds of card came to be: landed, failed, blocked."""
    return after(run_once)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "ledger"
    root.mkdir()
    return root
