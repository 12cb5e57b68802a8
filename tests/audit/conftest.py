"""A project to run chargehand in, empty or after some work. What takes long is done once, and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import Place

After = Callable[[Callable[[Place], object]], Place]


@pytest.fixture
def place(git_repo: Callable[..., Path]) -> Place:
    """An empty project with one commit."""
    return Place(git_repo())


@pytest.fixture(scope="session")
def prepared() -> dict[Callable[[Place], object], Path]:
    """Projects as they were after some work."""
    return {}


@pytest.fixture
def after(prepared: dict[Callable[[Place], object], Path], git_repo: Callable[..., Path], tmp_path: Path) -> After:
    """``after(work)``: a project of one's own, in which ``work`` has been done."""

    def copy(work: Callable[[Place], object]) -> Place:
        if work not in prepared:
            template = git_repo(name="template")
            work(Place(template))
            prepared[work] = template
        root = tmp_path / "repo"
        shutil.copytree(prepared[work], root, symlinks=True)
        Place(root).git("status", "--porcelain")
        return Place(root)

    return copy
