"""One meter for all tests that do not care which: to start one takes longer than most of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meter.world import gone


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose meter goes on from test to test."""
    state = tmp_path_factory.mktemp("house")
    yield state
    with contextlib.suppress(FileNotFoundError):
        pid = int(json.loads((state / "meter" / "meter.json").read_text())["pid"])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        asyncio.run(asyncio.wait_for(gone(pid), 20))
