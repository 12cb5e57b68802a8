"""Where a project is, and where our things lie in it."""

from __future__ import annotations

from pathlib import Path

CONFIG = "chargehand.toml"
STATE = ".chargehand"


class Project:
    """``root`` is the top of the git checkout, or the folder with ``chargehand.toml`` where there is no git."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def state(self) -> Path:
        return self.root / STATE

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.db"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def config(self) -> Path:
        return self.root / CONFIG

    def prepare(self) -> None:
        """Make our folder. Its own ignore file keeps it out of every commit and of the user's status."""
        self.state.mkdir(exist_ok=True)
        ignore = self.state / ".gitignore"
        if not ignore.exists() or not ignore.stat().st_size:  # an empty one: its writer was killed
            ignore.write_text("*\n")


def find(start: Path) -> Project:
    """The project ``start`` lies in: the nearest git checkout, else the nearest folder with our settings, else ``start`` itself."""
    start = start.resolve()
    for sign in (".git", CONFIG, STATE):
        for folder in (start, *start.parents):
            if (folder / sign).exists():
                return Project(folder)
    return Project(start)
