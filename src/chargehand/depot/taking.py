"""Taking what an agent left: his files as they lie there, read by our git with our index, and his commits as objects.

Nothing he configured is read. Rules worth knowing: ignored files are left unless he committed them; a repository nested in the
workspace is taken as ordinary files; a submodule stays what it was; pipes, sockets and devices are left out.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chargehand.depot.git import Git, names, text
from chargehand.depot.layout import open_up
from chargehand.model.errors import EnvironmentProblem

_LONG = 900.0


@dataclass(slots=True)
class _Found:
    """Paths to bring into the index (``fresh``) and out of it (``gone``)."""

    fresh: set[bytes] = field(default_factory=set)
    gone: set[bytes] = field(default_factory=set)


def snapshot(depot: Git, place: Path, pristine: Path, base: str, committed: Iterable[bytes]) -> tuple[str, str] | None:
    """The tree of everything in ``place`` and a note on what was left out; None when no file differs from ``base``.

    ``pristine`` is the index made at checkout (it may be missing). ``committed`` are paths the agent's own commits touch: they
    count even where they are ignored.
    """
    if place.is_symlink() or not place.is_dir():
        raise EnvironmentProblem(f"the workspace {place} is gone", code="workspace")
    scratch = pristine.with_name(f"{pristine.name}.take")
    _drop(scratch)
    git = Git(depot.git_dir, work_tree=place, index=scratch)
    try:
        if pristine.is_file():
            shutil.copy2(pristine, scratch)
        else:
            scratch.parent.mkdir(parents=True, exist_ok=True)
            git.run("read-tree", base)
        found = _scan(git, place, set(committed))
        if not found.fresh and not found.gone:
            return None
        note = _stage(git, found, root=os.fsencode(place) + b"/", scratch=scratch)
        return git.line("write-tree"), note
    finally:
        _drop(scratch)


def glance(depot: Git, place: Path, pristine: Path) -> set[bytes]:
    """What changed in ``place`` against the index made at checkout, by name. Changes nothing; what cannot be read is left out."""
    if not pristine.is_file() or place.is_symlink() or not place.is_dir():
        return set()
    git = Git(depot.git_dir, work_tree=place, index=pristine)
    listed = git.run("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard", accept=range(256))
    return {path for path in listed.stdout.split(b"\0") if path and not path.endswith(b"/")}


def _drop(scratch: Path) -> None:
    for path in (scratch, scratch.with_name(f"{scratch.name}.lock")):
        path.unlink(missing_ok=True)


def _scan(git: Git, place: Path, committed: set[bytes]) -> _Found:
    args = ("ls-files", "-z", "-t", "--modified", "--deleted", "--others", "--exclude-standard")
    listed = git.run(*args, accept=(0, 128), timeout=_LONG)
    if listed.stderr or listed.code:
        # A directory that may not be entered looks empty; what is in it counts all the same.
        open_up(place)
        listed = git.run(*args, timeout=_LONG)
    entries = [(entry[:1] == b"?", entry[2:]) for entry in listed.stdout.split(b"\0") if entry]
    nested = {path for new, path in entries if new and path.endswith(b"/")}
    found = _Found({path for new, path in entries if new} - nested)
    root = os.fsencode(place) + b"/"
    links: dict[bytes, bool] = {}
    tracked = committed.union(path for new, path in entries if not new)
    repositories = {path for path in tracked if _is_repository(root + path)}
    replaced = repositories - _submodules(git, repositories)
    found.gone.update(replaced, (path for path in tracked - repositories if _vanished(root, path, links)))
    found.fresh.update(tracked - repositories - found.gone)
    for folder in nested | {path + b"/" for path in replaced}:
        found.fresh.update(_inside(git, root, folder))
    for path in found.fresh:
        _make_readable(root + path)
    return found


def _submodules(git: Git, paths: set[bytes]) -> set[bytes]:
    """Which of the paths are submodules in the index."""
    if not paths:
        return set()
    args = ("--literal-pathspecs", "ls-files", "-z", "--stage", "--", *map(os.fsdecode, sorted(paths)))
    return {entry.partition(b"\t")[2] for entry in git.run(*args).stdout.split(b"\0") if entry.startswith(b"160000 ")}


def _inside(git: Git, root: bytes, folder: bytes) -> Iterator[bytes]:
    """The files of a nested repository, but those it ignores, as paths of the workspace."""
    inner = Git(git.git_dir, work_tree=Path(os.fsdecode(root + folder)), index=git.git_dir / "no-index")
    for path in inner.run("ls-files", "-z", "--others", "--exclude-standard", timeout=_LONG).stdout.split(b"\0"):
        if path.endswith(b"/"):
            yield from _inside(git, root, folder + path)
        elif path:
            yield folder + path


def _vanished(root: bytes, path: bytes, links: dict[bytes, bool]) -> bool:
    """Whether a tracked path has no file any more: gone, below a link, or something git does not know."""
    parent = path.rpartition(b"/")[0]
    while parent:
        if parent not in links:
            links[parent] = stat.S_ISLNK(_mode(root + parent))
        if links[parent]:
            return True
        parent = parent.rpartition(b"/")[0]
    mode = _mode(root + path)
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def _mode(path: bytes) -> int:
    """The mode of what is there, links not followed; 0 when nothing is."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _is_repository(path: bytes) -> bool:
    return stat.S_ISDIR(_mode(path)) and bool(_mode(path + b"/.git"))


def _make_readable(path: bytes) -> None:
    mode = _mode(path)
    if stat.S_ISREG(mode) and not mode & 0o400:
        with suppress(OSError):
            Path(os.fsdecode(path)).chmod(stat.S_IMODE(mode) | 0o400)


def _stage(git: Git, found: _Found, root: bytes, scratch: Path) -> str:
    """Bring the index to what was found; returns what git would not take.

    Git compares whole seconds, so it reads every file again that is as young as the index. All of them were just read: what did not
    turn up is clean, and what did is staged without asking its time.
    """
    born = int(scratch.stat().st_mtime)
    young = {path for path in found.fresh if _touched(root + path) <= born}
    if found.gone or young:
        _trust(scratch)
        git.run("update-index", "-z", "--force-remove", "--stdin", stdin=_listed(found.gone | young), timeout=_LONG)
    if not found.fresh:
        return ""
    _trust(scratch)
    said = git.run("update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=_listed(found.fresh), timeout=_LONG)
    _trust(scratch)
    refused = [line for line in text(said.stderr).splitlines() if line.startswith("Ignoring path ")]
    return "\n".join(line.replace("Ignoring path", "Left out:", 1) for line in refused)


def _touched(path: bytes) -> int:
    """The second a file was last changed, by the clock an agent cannot set; 0 when it is gone."""
    try:
        return int(os.lstat(path).st_ctime)
    except OSError:
        return 0


def _trust(scratch: Path) -> None:
    later = time.time() + 3600
    os.utime(scratch, (later, later))


def _listed(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in sorted(paths))


def differing(git: Git, base: str, other: str) -> tuple[bytes, ...]:
    """Paths that differ between two trees, as git has them, without guessing renames."""
    raw = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, other, timeout=_LONG).stdout
    return tuple(path for path in raw.split(b"\0") if path)


def readable(paths: Iterable[bytes]) -> tuple[str, ...]:
    """Paths as text that can be recorded and shown; bytes that are not UTF-8 become escapes."""
    return names(b"\0".join(paths))
