"""A reader who goes away does not disturb the run."""

from __future__ import annotations

import subprocess

import pytest

from .conftest import COMMAND, Place


@pytest.mark.parametrize("flags", ["", "--json"])
def test_the_run_goes_on_when_nobody_reads_any_more(place: Place, flags: str) -> None:
    place.spec(*[f"TASK-00{number}" for number in range(1, 6)])
    place.config()
    command = f"{' '.join(COMMAND)} run --all {flags} | head -n 2"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=place.root, capture_output=True, text=True, timeout=100, check=False)
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    assert len(place.landed()) == 5
