"""Private checkouts made from the depot, one kind to a class of trust.

``clone``: a repository of its own that only borrows the depot's objects. ``worktree``: a linked worktree of the depot, which shares
its config and refs and is for agents that are trusted. ``in-place``: the user's own checkout.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from chargehand.depot.git import Git
from chargehand.depot.layout import remove, write_git_dir
from chargehand.depot.spares import Spares
from chargehand.depot.transfer import share_shallow
from chargehand.depot.user import git_dir_of
from chargehand.model.config import WorkspaceKind
from chargehand.model.errors import ChargehandError, EnvironmentProblem

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.|$)){0,119}")


@dataclass(frozen=True, slots=True)
class Place:
    """A checkout an agent works in: its files, its HEAD's git directory, and the one that holds its refs and objects."""

    path: Path
    git_dir: Path
    common: Path


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Makes and removes them below ``state/work``.

    A pristine index of each is kept in ``state/index``, out of the agent's reach, so that taking his work neither believes his
    index nor reads every file again.
    """

    git: Git
    state: Path
    root: Path
    user_git_dir: Path
    kind: WorkspaceKind
    algorithm: str
    identity: tuple[str, str]
    spares: Spares
    _turn: Lock = field(default_factory=Lock)
    _commits: dict[str, str] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Where a checkout of that name is or would be."""
        if not _NAME.fullmatch(name) or name.endswith(".lock"):
            raise ChargehandError(f"{name!r} cannot name a workspace")
        return self.state / "work" / name

    def agent(self, name: str) -> Place:
        """Where an agent of that name works. He may have changed all of it."""
        path = self.path(name)
        if self.kind == "in-place":
            return Place(self.root, git_dir_of(self.root), self.user_git_dir)
        if self.kind == "worktree":
            return Place(path, self.git.git_dir / "worktrees" / name, self.git.git_dir)
        return Place(path, path / ".git", path / ".git")

    def index(self, name: str) -> Path:
        """The pristine index of a workspace."""
        return self.state / "index" / name

    def make(self, name: str, commit: str, branch: str) -> Path:
        """A place for an agent to work from ``commit`` on ``branch``; what was there of that name is gone."""
        self.discard(name)
        if self.kind == "in-place":
            return self.root
        path = self.path(name)
        if self.kind == "worktree":
            with self._turn:
                self.git.run("worktree", "add", "-q", "-f", "--no-checkout", "-B", branch, "--end-of-options", str(path), commit)
            self._fill(name, commit, self.agent(name).git_dir)
        else:
            self._open(name, commit, branch)
        return path

    def checkout(self, name: str, commit: str) -> Path:
        """A repository of its own with ``commit`` checked out on no branch, whatever the kind of workspace."""
        self.discard(name)
        self._open(name, commit, None)
        return self.path(name)

    def discard(self, name: str) -> None:
        """Remove a workspace and what we know of it. Never the user's own checkout."""
        path, commit = self.path(name), self._commits.pop(name, "")
        if not commit or not self.spares.keep(path, self.index(name), commit):
            remove(path, self.state / "trash")
        if self.kind == "worktree":
            with self._turn:  # git reads all of them to add one, and stumbles over a half of one
                remove(self.git.git_dir / "worktrees" / name, self.state / "trash")
        for leftover in (self.index(name), self.index(f"{name}.lock")):
            leftover.unlink(missing_ok=True)

    def _open(self, name: str, commit: str, branch: str | None) -> None:
        """A repository of its own at the place of that name, out of a spare one if there is any."""
        path, index = self.path(name), self.index(name)
        reused = self.spares.use(path, index, commit)
        try:
            self._write(path, commit, branch)
            self._fill(name, commit, path / ".git")
        except EnvironmentProblem:
            if not reused:
                raise
            for useless in (path, index):
                remove(useless, self.state / "trash")
            self._write(path, commit, branch)
            self._fill(name, commit, path / ".git")
        self._commits[name] = commit

    def _write(self, path: Path, commit: str, branch: str | None) -> None:
        ref = f"refs/heads/{branch}"
        write_git_dir(
            path / ".git",
            bare=False,
            algorithm=self.algorithm,
            identity=self.identity,
            head=commit if branch is None else f"ref: {ref}",
            refs={} if branch is None else {ref: commit},
            borrow=self.git.git_dir / "objects",
        )
        share_shallow(self.git.git_dir, path / ".git")
        shutil.copyfile(self.git.git_dir / "info" / "exclude", path / ".git" / "info" / "exclude")

    def _fill(self, name: str, commit: str, git_dir: Path) -> None:
        index = self.index(name)
        index.parent.mkdir(parents=True, exist_ok=True)
        git = Git(self.git.git_dir, work_tree=self.path(name), index=index)
        git.run("read-tree", "--reset", "-u", commit, timeout=1800.0)
        # With its time: git tells by it which files were written too shortly before to be trusted.
        shutil.copy2(index, git_dir / "index")


def exclude_file(target: Path, sources: tuple[Path, ...], also: tuple[str, ...]) -> None:
    """Write down what nobody wants in git: the patterns of ``sources``, and ``also``."""
    lines = [line for source in sources if source.is_file() for line in source.read_bytes().splitlines()]
    lines += [os.fsencode(pattern) for pattern in also]
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name("exclude.new")
    fresh.write_bytes(b"\n".join(lines) + b"\n")
    fresh.replace(target)
