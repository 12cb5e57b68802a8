"""What every test may count on: a clean environment, real repositories, and honest skips."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

GitRepo = Callable[..., Path]
Require = Callable[..., str]

settings.register_profile("chargehand", settings(), deadline=None)  # a busy machine is not a failure
settings.load_profile("chargehand")

# Where no bytecode may be written, each of the thousands of processes the tests start compiles all of chargehand anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_DAY_ONE = "2024-01-01T00:00:00+00:00"


def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: one more than there are cores, since most of what tests wait for is asleep."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test sees the settings of the person who runs it, nor changes them. Returns the empty home."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("CHARGEHAND_", "GIT_", "XDG_")) or name == "GITHUB_STEP_SUMMARY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # Agents of tests leave receipts outside of their workspaces. Tests of the cage ask for one.
    monkeypatch.setenv("CHARGEHAND_CAGE", "none")
    return home


@pytest.fixture
def git_repo(tmp_path: Path) -> GitRepo:
    """``git_repo({"a.txt": "text"}, name="repo")``: a real repository, one commit on ``main``. Same files, same commit id."""

    def make(files: Mapping[str, str] | None = None, name: str = "repo") -> Path:
        root = tmp_path / name
        root.mkdir(parents=True)
        dated = {**os.environ, "GIT_AUTHOR_DATE": _DAY_ONE, "GIT_COMMITTER_DATE": _DAY_ONE}

        def git(*arguments: str) -> None:
            subprocess.run(["git", *arguments], cwd=root, env=dated, check=True, capture_output=True)

        git("init", "--quiet", "--initial-branch=main")
        git("config", "user.name", "Tester")
        git("config", "user.email", "tester@example.invalid")
        for path, text in ({"README.md": "# A project\n"} if files is None else files).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "--message", "First commit")
        return root

    return make


@pytest.fixture
def require() -> Require:
    """``require("bwrap")`` gives the program's path; with arguments, ``require("unshare", "-rm", "true")``, it must also succeed.

    Without it the test is skipped and says why; where ``CI`` is set it fails, so that nothing goes untested unnoticed.
    """

    def look(program: str, *probe: str) -> str:
        path = shutil.which(program)
        if path is None:
            _unavailable(f"{program} is not installed")
        elif probe and (tried := subprocess.run([path, *probe], capture_output=True, text=True, check=False)).returncode:
            _unavailable(f"{program} {' '.join(probe)} does not work here: {tried.stderr.strip()}")
        return path or ""

    return look


def _unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
