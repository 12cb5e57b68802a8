"""Packages that cannot be installed: tests that need them skip, and where nothing may be skipped it is an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "debian.py"


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_a_package_manager(tmp_path: Path, ci: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, str(TOOL)], env={"PATH": str(tmp_path), "CI": ci}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "bubblewrap" in done.stderr
    assert "there is no apt-get" in done.stderr


def test_with_everything_there_it_says_nothing(tmp_path: Path) -> None:
    for name in ("bwrap", "tmux"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run([sys.executable, str(TOOL)], env={"PATH": str(tmp_path)}, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
