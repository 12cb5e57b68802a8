"""At least 200 times kill -9: nothing is lost, paid twice, landed twice or left running. ``bench/chaos.py`` does it 2,000 times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Kills by mode and seed: 208 in all. Split so that they share the cores.
SHARES = {("engine", 1): 40, ("boundary", 2): 46, ("shim", 3): 40, ("both", 4): 42, ("reboot", 5): 40}
PATIENCE_S = 280


def test_there_are_enough_of_them() -> None:
    assert sum(SHARES.values()) >= 200


@pytest.mark.timeout(PATIENCE_S + 10)
@pytest.mark.parametrize(("mode", "seed"), SHARES, ids=[mode for mode, _ in SHARES])
def test_kill_9(mode: str, seed: int, tmp_path: Path) -> None:
    kills = SHARES[mode, seed]
    score = chaos(mode, kills, seed, tmp_path)
    print(json.dumps(score, indent=1))
    assert score["faults"] == []
    assert score["kills"] >= kills
    assert score["attempts"]["landed"] == score["tasks"]
    if mode in {"engine", "boundary"}:
        assert "interrupted" not in score["attempts"], "an agent that lived was not taken over"
    assert score["restart_s"]["max"] < 20, "the next run takes seconds"


def chaos(mode: str, kills: int, seed: int, place: Path) -> dict[str, Any]:
    """A process of its own, which adopts what the killed ones leave, and so sees all of it."""
    command = [sys.executable, "-m", "tests.chaos.chaos", mode, "--kills", str(kills), "--seed", str(seed), "--place", str(place)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    score: dict[str, Any] = json.loads(done.stdout)
    return score
