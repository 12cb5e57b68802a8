"""Real launches for the tests of the process room. Import ``room_fixture`` to have the fixture ``room``."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from chargehand.model.work import Exit
from chargehand.ports import Launch
from chargehand.process import tree
from chargehand.process.pool import ShimPool

T = TypeVar("T")
PATIENCE = 30.0


def until(condition: Callable[[], T]) -> T:
    """Wait for something another process does; fail when it never comes."""
    end = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
    return result


async def until_async(condition: Callable[[], T]) -> T:
    end = asyncio.get_running_loop().time() + PATIENCE
    while not (result := condition()):
        assert asyncio.get_running_loop().time() < end, "it never happened"
        await asyncio.sleep(0.01)
    return result


def alive(pid: int) -> bool:
    process = tree.look(pid)
    return process is not None and not process.dead


def pid_in(path: Path) -> int:
    """A pid a test program wrote to a file, 0 as long as it is not there."""
    text = path.read_text() if path.exists() else ""
    return int(text) if text.endswith("\n") else 0


class Room:
    """A place for launches: a working directory, and a directory for each by name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.work.mkdir()

    def directory(self, name: str = "a") -> Path:
        return self.root / name

    def launch(self, *argv: str, name: str = "a", **options: Any) -> Launch:
        env = options.pop("env", {"PATH": os.environ["PATH"]})
        return Launch(argv=argv, cwd=str(self.work), env=env, directory=str(self.directory(name)), **options)

    def shell(self, script: str, **options: Any) -> Launch:
        return self.launch("/bin/sh", "-c", script, **options)

    def python(self, script: str, **options: Any) -> Launch:
        return self.launch(sys.executable, "-I", "-S", "-c", script, **options)

    def with_pool(self, use: Callable[[ShimPool], Awaitable[T]]) -> T:
        """What ``use`` returns, given a pool that is closed afterwards."""

        async def main() -> T:
            pool = ShimPool(self.root / "shim.log")
            try:
                return await use(pool)
            finally:
                await pool.close()

        return asyncio.run(main())

    def run(self, launch: Launch) -> Exit:
        return self.with_pool(lambda pool: pool.run(launch))

    def stdout(self, name: str = "a") -> bytes:
        return (self.directory(name) / "stdout.log").read_bytes()


@pytest.fixture(name="room")
def room_fixture(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    log = tmp_path / "shim.log"
    assert not log.exists() or log.read_text() == "", "a shim failed"
