"""What a caged program sees of the file system, whatever makes the cage: a list of mounts at the paths they have outside."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from chargehand.ports import Launch, Room
from chargehand.process.environment import PLACES

INSIDE = "/run/chargehand"
"""Where our own things lie in a cage."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu", "/snap")
_ALSO = ("/run/current-system", "/sys/devices/system/cpu")
# On many systems a link to somewhere else.
_LINKED = ("/etc/resolv.conf", "/etc/ssl/certs", "/etc/localtime")
# Where secrets of the machine may lie, and how many levels deep they are looked for.
_PRIVATE = {"/etc": 9, "/opt": 2, "/usr/local": 2}

Kind = Literal["read", "write", "empty", "mask", "link"]


class Mount(NamedTuple):
    """Something to be seen at ``place``. ``source`` is the path outside, or where a ``link`` points. ``empty``: a folder with
    nothing in it that cannot be written; ``mask``: a file that cannot be read."""

    kind: Kind
    place: str
    source: str = ""


def view(launch: Launch, room: Room) -> list[Mount]:
    """The mounts of a room, outer ones first. What does not exist is left out."""
    mounts = {mount.place: mount for mount in system()}
    mounts |= {path: Mount("read", path, path) for path in _real([*_LINKED, *toolchains(launch.env), sys.prefix, python()[1]])}
    # What is named as readable wins over what is hidden at the same place; what is writable, over both.
    mounts |= {path: Mount("empty" if Path(path).is_dir() else "mask", path) for path in _real(room.hidden)}
    mounts |= {path: Mount("read", path, path) for path in _real(room.readable)}
    mounts |= {path: Mount("write", path, path) for path in _real(room.writable)}
    ordered = sorted(mounts.values(), key=lambda mount: mount.place.count("/"))
    return [mount for mount in ordered if not _covered(mount, mounts)]


@cache
def system() -> tuple[Mount, ...]:
    """What every program needs: programs, libraries, settings of the machine, but only what every user of it may read."""
    found = [
        Mount("link", path, str(Path(path).readlink())) if Path(path).is_symlink() else Mount("read", path, path)
        for path in (*_SYSTEM, *_ALSO)
        if os.path.lexists(path)
    ]
    for root, depth in _PRIVATE.items():
        found += _private(root, depth)
    return tuple(found)


def python() -> tuple[str, str]:
    """Our interpreter, free of any virtual environment, and the folder it is installed in."""
    return getattr(sys, "_base_executable", "") or sys.executable, sys.base_prefix


def _private(folder: str, depth: int) -> Iterator[Mount]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except OSError:
            continue
        if not os.access(entry.path, os.R_OK):
            continue  # not for us either
        if stat.S_ISDIR(mode):
            if mode & 0o005 != 0o005:
                yield Mount("empty", entry.path)
            elif depth > 1:
                yield from _private(entry.path, depth - 1)
        elif not stat.S_ISLNK(mode) and not mode & 0o004:
            yield Mount("mask", entry.path)


def _real(paths: Iterable[str]) -> Iterator[str]:
    """Those that exist, and where links lead to. Never all there is."""
    for path in filter(None, paths):
        for place in (os.path.normpath(path), os.path.realpath(path)):
            if Path(place).is_absolute() and place != "/" and Path(place).exists():
                yield place


def toolchains(env: Mapping[str, str]) -> Iterator[str]:
    """Folders and files a program needs because its environment names them: toolchains, certificates, what is on the PATH."""
    for name in PLACES & env.keys():
        if Path(env[name]).is_absolute():
            yield env[name]
    for folder in env.get("PATH", "").split(os.pathsep):
        if Path(folder).is_absolute() and not folder.startswith(("/usr/", "/bin", "/sbin")):
            yield from _programs(Path(folder))


def _programs(folder: Path) -> Iterator[str]:
    """A folder of programs, with what they are known to need beside it: the libraries, or the whole of a virtual environment."""
    if environment := _environment_of(folder):
        yield from environment
        return
    yield str(folder)
    if folder.name == "bin" and (libraries := folder.parent / "lib").is_dir():
        yield str(libraries)
    try:
        links = [Path(entry.path) for entry in os.scandir(folder) if entry.is_symlink()]
    except OSError:
        return
    for target in {link.resolve() for link in links}:
        yield from _environment_of(target.parent) or ([str(target)] if target.is_file() else [])


def _environment_of(folder: Path) -> list[str]:
    """The Python environment whose programs lie in ``folder``, and the interpreter it was made from; empty when it is none."""
    try:
        text = (folder.parent / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    lines = (line.partition("=") for line in text.splitlines())
    home = next((value.strip() for name, _, value in lines if name.strip() == "home"), "")
    return [str(folder.parent), *([str(Path(home).parent)] if Path(home).is_absolute() else [])]


def _covered(mount: Mount, mounts: Mapping[str, Mount]) -> bool:
    """Whether a place is seen as it should be already, because what lies around it is shown the same way."""
    if mount.kind not in ("read", "write"):
        return False
    for above in map(str, Path(mount.place).parents):
        if outer := mounts.get(above):
            return outer.kind in (mount.kind, "link")
    return False
