"""Checkouts that are done with, kept for the next one: to bring one to another commit is a tenth of the work of writing it anew."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from chargehand.depot.git import Git
from chargehand.depot.layout import empty, remove
from chargehand.model.errors import EnvironmentProblem

_SUBMODULE = b"\0\0\xe0\0"
_ATTRIBUTES = ":(glob)**/.gitattributes"
_LONG = 900.0


class Spares:
    """Nothing that was done in a checkout is believed: its git directory is thrown away, whatever git does not know is removed, and
    every file is compared with our own index by times only the kernel sets. Where that is not enough (a submodule in it, other
    attributes, anything that fails) there is no spare. They lie in ``trash``, so they do not outlive a crash. Safe for threads.
    """

    def __init__(self, git: Git, trash: Path) -> None:
        self._git, self._trash = git, trash
        self._kept: list[tuple[Path, Path, str]] = []

    def keep(self, tree: Path, index: Path, commit: str) -> bool:
        """Take over a checkout of ``commit`` with the index it was made by. False when it is of no use."""
        git_dir = tree / ".git"
        try:
            if tree.is_symlink() or git_dir.is_symlink() or not git_dir.is_dir() or _SUBMODULE in index.read_bytes():
                return False
            spare = self._trash / f"spare-{uuid.uuid4().hex}"
            pristine = spare.with_suffix(".index")
            self._trash.mkdir(parents=True, exist_ok=True)
            index.rename(pristine)
            tree.rename(spare)
        except OSError:
            return False
        self._kept.append((spare, pristine, commit))
        return True

    def use(self, tree: Path, index: Path, commit: str) -> bool:
        """Put a spare at ``tree``, its index at ``index``, ready to be brought to ``commit``. False when there is none."""
        while self._kept:
            spare, pristine, was = self._kept.pop()
            try:
                if self._clean(spare, pristine, was, commit):
                    tree.parent.mkdir(parents=True, exist_ok=True)
                    index.parent.mkdir(parents=True, exist_ok=True)
                    spare.rename(tree)
                    pristine.rename(index)
                    return True
            except (OSError, EnvironmentProblem):
                pass
            for useless in (spare, pristine):
                remove(useless, self._trash)
        return False

    def _clean(self, spare: Path, pristine: Path, was: str, commit: str) -> bool:
        remove(spare / ".git", self._trash)
        git = Git(self._git.git_dir, work_tree=spare, index=pristine)
        git.run("clean", "-q", "-ffdx", timeout=_LONG)
        _remove_special(spare)
        # Other attributes would write unchanged files differently.
        return was == commit or git.run("diff-tree", "-r", "--quiet", was, commit, "--", _ATTRIBUTES, accept=(0, 1)).code == 0

    def clear(self) -> None:
        """Remove them all."""
        self._kept.clear()
        empty(self._trash)


def _remove_special(root: Path) -> None:
    """Pipes, sockets and devices: git does not see them."""
    folders = [os.fspath(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    Path(entry.path).unlink()
