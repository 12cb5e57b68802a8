"""The n-th call into store, depot, process and git fails: the engine says why it ends, the next one goes on, no promise broken.

A sample of the calls; ``bench/chaos.py --torture`` fails every single one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.torture.torture import LAYERS, WAYS

SAMPLE = 2
PATIENCE_S = 280


@pytest.mark.timeout(PATIENCE_S + 10)
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("layer", LAYERS)
def test_the_nth_call_fails(layer: str, how: str, tmp_path: Path) -> None:
    seed = str(LAYERS.index(layer) * len(WAYS) + WAYS.index(how))
    command = [sys.executable, "-m", "tests.torture.torture", layer, how, "--most", str(SAMPLE), "--seed", seed]
    done = subprocess.run(
        [*command, "--place", str(tmp_path)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    score = json.loads(done.stdout)
    print(json.dumps(score))
    assert score["faults"] == []
    assert score["calls"] >= 5
    assert score["struck"] >= 1
