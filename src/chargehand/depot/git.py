"""The only place git is run: a pinned environment, no hooks, no prompts, no settings of this machine, a time limit."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from chargehand.model.errors import STORAGE_WORDS, EnvironmentProblem, StorageProblem
from chargehand.process.call import Result, call

OLDEST_GIT = (2, 38)

# Given on the command line because that outranks every file. Nothing here speaks to a remote, so every transport is off.
_OVERRIDES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.pager=cat",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "protocol.allow=never",
    "advice.detachedHead=false",
)
# A commit the ledger knows of must survive a power cut; by default git does not flush loose objects.
_DURABLE = ("core.fsync=objects,reference", "core.fsyncMethod=batch")
_ARGS = tuple(part for setting in _OVERRIDES + _DURABLE for part in ("-c", setting))
_INHERITED = ("PATH", "TMPDIR")
_HIS = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


@dataclass(frozen=True, slots=True)
class Git:
    """A git directory to run git on; it is never searched for.

    ``index`` and ``work_tree`` stand for GIT_INDEX_FILE and GIT_WORK_TREE. ``borrow`` is one more object directory to read from.
    ``own_settings`` is for the user's own checkout only: git then knows his settings (line ends, filters) but still no hooks.
    """

    git_dir: Path
    work_tree: Path | None = None
    index: Path | None = None
    borrow: Path | None = None
    own_settings: bool = False

    def run(
        self, *args: str, stdin: bytes = b"", accept: Collection[int] = (0,), timeout: float = 120.0, cwd: Path | None = None
    ) -> Result:
        """Run ``git args``. A code outside ``accept`` raises EnvironmentProblem with what git said."""
        result = call(
            ("git", *_ARGS, *args),
            cwd=cwd or self.work_tree or self.git_dir,
            env=self._environment(),
            stdin=stdin,
            timeout=timeout,
        )
        if result.code not in accept:
            raise failure(args, result)
        return result

    def line(self, *args: str) -> str:
        """The output of git without its line end."""
        return text(self.run(*args).stdout)

    def _environment(self) -> dict[str, str]:
        env = environment(own_settings=self.own_settings)
        env["GIT_DIR"] = str(self.git_dir)
        if self.work_tree is not None:
            env["GIT_WORK_TREE"] = str(self.work_tree)
        if self.index is not None:
            env["GIT_INDEX_FILE"] = str(self.index)
        if self.borrow is not None:
            # Quoted, because a colon in the path would otherwise part it.
            quoted = str(self.borrow).replace("\\", "\\\\").replace('"', '\\"')
            env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = f'"{quoted}"'
        return env


def environment(*, own_settings: bool) -> dict[str, str]:
    """What git is given to know. Without ``own_settings`` nothing but PATH and the temporary directory comes from outside."""
    ambient = os.environ
    if own_settings:
        env = {name: value for name, value in ambient.items() if not name.startswith("GIT_") or name in _HIS}
    else:
        env = {name: ambient[name] for name in _INHERITED if name in ambient}
        env |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
    return env | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def look(directory: Path, *args: str, accept: Collection[int] = (0,)) -> Result:
    """Ask about the repository ``directory`` lies in, as its owner's git would answer. For reading only."""
    result = call(("git", *_ARGS, *args), cwd=directory, env=environment(own_settings=True), timeout=60.0)
    if result.code not in accept:
        raise failure(args, result)
    return result


def version() -> str:
    """What git says of itself, such as ``git version 2.39.5``. EnvironmentProblem when it is missing."""
    return text(call(("git", "--version"), env=environment(own_settings=False)).stdout)


def check_version() -> None:
    """EnvironmentProblem when git is missing or too old to merge without a checkout."""
    said = version()
    numbers = [int(part) for part in said.removeprefix("git version ").split(" ")[0].split(".")[:2] if part.isdigit()]
    if tuple(numbers) < OLDEST_GIT:
        raise EnvironmentProblem(f"{said or 'git'} is too old", hint=f"install git {'.'.join(map(str, OLDEST_GIT))} or newer")


def failure(args: Collection[str], result: Result) -> EnvironmentProblem:
    """The error for a git command that went wrong."""
    said = text(result.stderr).strip() or f"exit code {result.code}"
    message = f"git {' '.join(args)[:200]}: {said[-2000:]}"
    if any(word in said for word in STORAGE_WORDS):
        return StorageProblem(message, hint="free space on this disk; nothing is lost")
    return EnvironmentProblem(message, code="git")


def text(raw: bytes) -> str:
    """Output of git as text. Bytes that are not UTF-8 are shown as escapes, so that it can always be recorded and printed."""
    return raw.decode("utf-8", "backslashreplace").rstrip("\n")


def names(raw: bytes) -> tuple[str, ...]:
    """NUL-separated paths as text; what is not UTF-8 is shown as escapes."""
    return tuple(name.decode("utf-8", "backslashreplace") for name in raw.split(b"\0") if name)
