"""Taking the user's checkout from one commit to the next, so that being killed at any instant leaves what the next try can finish.

A note on disk says what is under way. Files are written first, with an index of ours; then his index is replaced, then his branch
moves. All that time his ``index.lock`` is held by a file that can be told from one of his own git, and is removed when we died.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from chargehand.depot.git import Git

_LOCK_TEXT = b"held by chargehand while it brings landed commits here\n"


class Note(msgspec.Struct, frozen=True):
    """A step under way: in the checkout with this git directory, from one commit to another."""

    git_dir: str
    old: str
    new: str


class Checkout:
    """``scratch`` is the file for our index; the note and a copy of his index lie beside it."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._before = scratch.with_name(f"{scratch.name}.before")
        self._path = scratch.with_name(f"{scratch.name}.delivering")

    def note(self) -> Note | None:
        """What was under way when somebody died, if anything."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Note)
        except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
            return None

    def unlock(self) -> None:
        """Take away the lock a killed predecessor left."""
        note = self.note()
        if note is not None:
            _unlock(Path(note.git_dir) / "index.lock")

    def forget(self) -> None:
        """Nothing is under way any more."""
        for file in (self._path, self._before, self._scratch):
            file.unlink(missing_ok=True)

    def step(self, git_dir: Path, place: Path, old: str, new: str, move: Callable[[], bool], *, partly: bool) -> bool:
        """Bring files, index and branch from ``old`` to ``new``; False when he is in the way, then nothing of his has changed.

        ``partly``: some files may be those of ``new`` already. ``move`` moves the branch.
        """
        note = Note(str(git_dir), old, new)
        again = self.note() == note
        self._write_note(note)
        lock = git_dir / "index.lock"
        done = False
        if self._lock(lock):
            try:
                if again:
                    _remove_half_written(Git(git_dir, own_settings=True), place, old, new)
                done = self._exchange(git_dir, place, old, new, move, partly)
            finally:
                _unlock(lock)
        if done or not partly:
            self.forget()  # otherwise it is still to be finished
        return done

    def _exchange(self, git_dir: Path, place: Path, old: str, new: str, move: Callable[[], bool], partly: bool) -> bool:
        index = git_dir / "index"
        self._scratch.with_name(f"{self._scratch.name}.lock").unlink(missing_ok=True)
        for copy in (self._scratch, self._before):
            copy.unlink(missing_ok=True)
            if index.exists():
                shutil.copy2(index, copy)
        git = Git(git_dir, work_tree=place, index=self._scratch, own_settings=True)
        if partly:
            # What is in place already is staged first, so that only the rest is written.
            there = [path for path in _changed(git, old, new) if os.path.lexists(_inside(place, path))]
            paths = b"".join(path + b"\0" for path in there)
            staged = git.run("update-index", "-z", "--add", "--replace", "--stdin", stdin=paths, accept=range(256))
            if staged.code:
                return False
        # A file written in the same moment as his index counts as changed until it has been looked at.
        git.run("update-index", "-q", "--refresh", accept=range(256))
        if git.run("read-tree", "-m", "-u", old, new, accept=(0, 128)).code:
            return False
        _replace(self._scratch, index)
        if move():
            return True
        if not partly:
            git.run("read-tree", "-m", "-u", new, old, accept=(0, 128))
        _replace(self._before, index)
        return False

    def _write_note(self, note: Note) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(note))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def _lock(self, lock: Path) -> bool:
        """Take his lock; it appears together with its text."""
        fresh = lock.with_name("index.lock.chargehand")
        fresh.write_bytes(_LOCK_TEXT)
        try:
            lock.hardlink_to(fresh)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            return _make(lock)
        finally:
            fresh.unlink(missing_ok=True)
        return True


def _changed(git: Git, old: str, new: str, *options: str) -> list[bytes]:
    found = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", *options, old, new).stdout
    return found.split(b"\0")[:-1]


def _inside(place: Path, path: bytes) -> Path:
    return place / os.fsdecode(path)


def _remove_half_written(git: Git, place: Path, old: str, new: str) -> None:
    """Remove the file our predecessor was writing when he died: it holds the beginning of what is brought here, and no more."""
    for path in _changed(git, old, new, "--diff-filter=AM"):
        file = _inside(place, path)
        if file.is_symlink() or not file.is_file():
            continue
        whole = git.run("cat-file", "blob", f"{new}:{os.fsdecode(path)}", accept=(0, 128)).stdout
        if file.stat().st_size < len(whole) and whole.startswith(file.read_bytes()):
            file.unlink()


def _make(lock: Path) -> bool:
    try:
        with lock.open("xb") as file:
            file.write(_LOCK_TEXT)
    except FileExistsError:
        return False
    return True


def _unlock(lock: Path) -> None:
    """Remove the lock if it is ours."""
    try:
        if lock.read_bytes() == _LOCK_TEXT:
            lock.unlink()
    except FileNotFoundError:
        return


def _replace(source: Path, index: Path) -> None:
    fresh = index.with_name("index.chargehand")
    if not source.exists():
        index.unlink(missing_ok=True)
        return
    shutil.copy2(source, fresh)  # with its time: git tells by it which files were written too shortly before to be trusted
    fresh.replace(index)
