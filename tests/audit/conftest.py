"""A project to run chargehand in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import Place


@pytest.fixture
def place(git_repo: Callable[..., Path]) -> Place:
    """An empty project with one commit."""
    return Place(git_repo())
