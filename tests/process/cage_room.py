"""Caged launches for the tests. Import ``cell_fixture`` to have the fixture ``cell``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.process.process_room import Room as Launches

from chargehand.model.work import Exit
from chargehand.ports import Launch, Room
from chargehand.process.bubblewrap import Bubblewrap
from chargehand.process.view import python


class Cell:
    """A workspace and a private HOME in a project, in a cage; the project and our state around them are hidden."""

    def __init__(self, launches: Launches) -> None:
        self.launches = launches
        self.cage = Bubblewrap()
        self.work = launches.work
        self.home = launches.root / "home"
        (self.home / "tmp").mkdir(parents=True)

    def launch(self, *argv: str, room: dict[str, Any] | None = None, **options: Any) -> Launch:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.home / "tmp"), **options.pop("env", {})}
        bare = self.launches.launch(*argv, env=env, **options)
        settings: dict[str, Any] = {"writable": (str(self.work), str(self.home)), "hidden": (str(self.launches.root),)}
        return self.cage.wrap(bare, Room(**{**settings, **(room or {})}))

    def shell(self, script: str, **options: Any) -> Launch:
        return self.launch("/bin/sh", "-c", script, **options)

    def python(self, script: str, **options: Any) -> Launch:
        return self.launch(python()[0], "-I", "-S", "-c", script, **options)

    def run(self, launch: Launch) -> Exit:
        return self.launches.run(launch)

    def out(self, script: str, **options: Any) -> str:
        """What a script prints; it must succeed."""
        result = self.run(self.shell(script, **options))
        name = options.get("name", "a")
        assert result.ok, (result, self.err(name))
        return self.launches.stdout(name).decode() if result.stdout_bytes else ""

    def err(self, name: str = "a") -> str:
        path = self.launches.directory(name) / "stderr.log"
        return path.read_text() if path.exists() else ""

    def path(self, name: str, text: str = "") -> Path:
        """A file of the project, outside the workspace."""
        path = self.launches.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture(name="cell")
def cell_fixture(room: Launches, require: Callable[..., str]) -> Cell:
    require("bwrap", "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "true")
    return Cell(room)
