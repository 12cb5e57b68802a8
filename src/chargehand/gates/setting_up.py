"""What a gate finds in its checkout besides the commit: files the user names, and what a setup command made, kept by lock files.

What is kept is copied, never linked: what a gate writes there must not reach the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from chargehand.model.config import GateConfig
from chargehand.model.errors import EnvironmentProblem
from chargehand.process.call import call

LOCKS = (
    *(
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile.lock",
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "setup.py",
    ),
    *("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb", "package.json"),
    *("Cargo.lock", "Cargo.toml", "go.sum", "go.mod", "Gemfile.lock", "Gemfile", "composer.lock", "composer.json"),
    *("pom.xml", "build.gradle", "build.gradle.kts", "gradle.lockfile", "packages.lock.json"),
)
INCLUDED = ".worktreeinclude"
_KEPT = 8
"""So many of the things setups made are kept; the one that was not used for longest goes."""

_MOST_FILES = 1000
_MOST_BYTES = 64 * 1024 * 1024
_COPY_S = 900.0
_MADE_IN = "made-in"
_HOLDS_PATHS = ("bin/*", "Scripts/*", "pyvenv.cfg", "**/*.pth", "**/direct_url.json", "**/__editable__*", "**/*.egg-link", ".bin/*")
"""Where environments write down the place they were made in."""


def key(checkout: Path, config: GateConfig) -> str:
    """What a setup's result depends on: its command, and the content of the lock files."""
    whole = hashlib.blake2b(msgspec.json.encode([config.setup, config.cache]), digest_size=16)
    for name in config.locks or LOCKS:
        path = checkout / name
        if _ours(checkout, name) and path.is_file() and not path.is_symlink():
            whole.update(name.encode() + b"\0" + hashlib.blake2b(path.read_bytes()).digest())
    return whole.hexdigest()


def _ours(checkout: Path, name: str) -> bool:
    """Whether a path lies in the checkout, and no link stands on the way to it."""
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        return False
    return not any((checkout / Path(*parts[:count])).is_symlink() for count in range(1, len(parts)))


def restore(kept: Path, checkout: Path, cache: Sequence[str]) -> bool:
    """Bring what was kept into the checkout. False, and nothing is there, when it is not to be had."""
    made_in = kept / _MADE_IN
    if not cache or not made_in.is_file() or not free(checkout, cache):
        return False
    try:
        for name in cache:
            if os.path.lexists(kept / "files" / name):
                (checkout / name).parent.mkdir(parents=True, exist_ok=True)
                _copy(kept / "files" / name, checkout / name)
                _relocate(checkout / name, made_in.read_bytes(), os.fsencode(checkout))
        os.utime(made_in)
    except (OSError, EnvironmentProblem):
        for name in cache:
            shutil.rmtree(checkout / name, ignore_errors=True)
        return False
    return True


def keep(kept: Path, checkout: Path, cache: Sequence[str]) -> None:
    """Keep what a setup made. A disk that refuses is no harm: it will be made again."""
    fresh = kept.with_name(f"new-{uuid.uuid4().hex}")
    try:
        for name in cache:
            if _ours(checkout, name) and os.path.lexists(checkout / name):
                (fresh / "files" / name).parent.mkdir(parents=True, exist_ok=True)
                _copy(checkout / name, fresh / "files" / name)
        if fresh.is_dir():
            (fresh / _MADE_IN).write_bytes(os.fsencode(checkout))
            fresh.rename(kept)
    except (OSError, EnvironmentProblem):
        shutil.rmtree(fresh, ignore_errors=True)
    _forget(kept.parent)


def free(checkout: Path, cache: Sequence[str]) -> bool:
    """Whether nothing stands where these would be brought."""
    return all(_ours(checkout, name) and not os.path.lexists(checkout / name) for name in cache)


def _copy(source: Path, target: Path) -> None:
    result = call(("cp", "-a", str(source), str(target)), timeout=_COPY_S)
    if result.code:
        raise EnvironmentProblem(f"cannot copy {source}: {result.stderr[-300:].decode(errors='replace')}")


def _relocate(place: Path, old: bytes, new: bytes) -> None:
    """Say the new place where an environment wrote down the old one."""
    if old == new or not place.is_dir() or place.is_symlink():
        return
    for path in {path for glob in _HOLDS_PATHS for path in place.glob(glob)}:
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1_000_000:
            data = path.read_bytes()
            if old in data and b"\0" not in data:
                path.write_bytes(data.replace(old, new))


def _forget(caches: Path) -> None:
    def used(place: Path) -> float:
        with contextlib.suppress(OSError):
            return (place / _MADE_IN).stat().st_mtime
        return 0.0

    whole = [place for place in caches.iterdir() if not place.name.startswith("new-")] if caches.is_dir() else []
    for place in sorted(whole, key=used, reverse=True)[_KEPT:]:
        shutil.rmtree(place, ignore_errors=True)


def include(root: Path, checkout: Path) -> None:
    """Copy the files that the user's ``.worktreeinclude`` names and no commit holds, from his project into the checkout."""
    try:
        lines = (root / INCLUDED).read_text(errors="replace").splitlines()
    except OSError:
        return
    room = _MOST_BYTES
    globs = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for number, path in enumerate(_named(root, globs)):
        name = path.relative_to(root).as_posix()
        room -= path.stat().st_size
        if number >= _MOST_FILES or room < 0:
            return
        if _ours(checkout, name) and not os.path.lexists(checkout / name):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, checkout / name)


def hold_out(root: Path, checkout: Path, names: Sequence[str]) -> None:
    """Put what agents have not seen into the checkout, in the place of whatever they made of that name.

    Raises OSError when it is not there, or cannot be copied; EnvironmentProblem when it has no place in a checkout.
    """
    for name in names:
        source, target = root / name, checkout / name
        if not _ours(checkout, name):
            raise EnvironmentProblem(f"{name} cannot be put into a checkout", hint="name it as it lies below your project")
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)


def _named(root: Path, globs: Sequence[str]) -> Iterator[Path]:
    for glob in globs:
        place = glob.strip("/")
        for found in root.glob(place if "/" in glob.rstrip("/") else f"**/{place}"):
            for path in sorted(found.rglob("*")) if found.is_dir() and not found.is_symlink() else [found]:
                if (
                    path.is_file()
                    and not path.is_symlink()
                    and not {".git", ".chargehand"}.intersection(path.relative_to(root).parts)
                ):
                    yield path
