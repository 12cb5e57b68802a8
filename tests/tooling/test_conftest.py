"""The fixtures every other test stands on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def test_repositories_are_real_and_the_same_each_time(git_repo: Callable[..., Path]) -> None:
    files = {"a.txt": "one\n", "deep/b.txt": "two\n"}
    heads = []
    for name in ("one", "two"):
        repo = git_repo(files, name=name)
        status = subprocess.run(["git", "status", "--porcelain", "--branch"], cwd=repo, capture_output=True, text=True, check=True)
        assert status.stdout == "## main\n"
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repo, capture_output=True, text=True, check=True)
        heads.append(head.stdout)
    assert heads[0] == heads[1]


def test_nothing_of_the_person_is_seen(clean_environment: Path) -> None:
    assert Path.home() == clean_environment
    assert not list(clean_environment.iterdir())
    assert [name for name in os.environ if name.startswith("CHARGEHAND_")] == ["CHARGEHAND_CAGE"]
    assert os.environ["GIT_CONFIG_GLOBAL"] == "/dev/null"


def test_a_missing_program_skips_here_and_fails_where_everything_must_run(
    require: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(require("sh", "-c", "true")).exists()
    for wanted in (("no-such-program",), ("sh", "-c", "exit 3")):
        monkeypatch.delenv("CI", raising=False)
        with pytest.raises(pytest.skip.Exception, match=wanted[0]):
            require(*wanted)
        monkeypatch.setenv("CI", "true")
        with pytest.raises(pytest.fail.Exception, match=wanted[0]):
            require(*wanted)
