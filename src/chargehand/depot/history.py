"""What the history of a branch proves: which commits lie on it, and under which name landed work lies there now."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from chargehand.depot.git import Git, text

_LONG = 900.0
_TRAILERS = ("Chargehand-Task", "Chargehand-Run", "Chargehand-Attempt")
_FORM = "%H" + "".join(f"%x1f%(trailers:key={key},valueonly,separator=%x20)" for key in _TRAILERS) + "%x1e"


def tip(git_dir: Path, branch: str) -> str:
    """The commit a branch of the repository is at; empty when there is no such branch."""
    found = Git(git_dir).run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}", accept=(0, 1, 128))
    return text(found.stdout)


def strangers(git_dir: Path, commit: str, others: Collection[str]) -> frozenset[str]:
    """Those of ``others`` that are neither ``commit`` nor an ancestor of it, or that the repository has not got at all."""
    git = Git(git_dir)
    asked = "".join(f"{other}^{{commit}}\n" for other in others).encode()
    said = git.run("cat-file", "--batch-check=%(objectname)", stdin=asked, timeout=_LONG).stdout.decode().splitlines()
    here = [other for other, answer in zip(others, said, strict=True) if answer == other]
    wanted = "".join(f"{other}\n" for other in [*here, f"^{commit}"]).encode()
    outside = git.run("rev-list", "--stdin", stdin=wanted, timeout=_LONG).stdout.decode().split() if here else []
    return frozenset(others) - (frozenset(here) - frozenset(outside))


def named(git_dir: Path, commit: str, other: str) -> dict[tuple[str, str, str], str]:
    """The newest commit below ``commit``, not below ``other``, that says of itself what it landed: task, run and attempt's number
    to commit."""
    below = ("--end-of-options", commit, f"^{other}")
    args = ("log", "--first-parent", f"--grep=^{_TRAILERS[0]}: ", f"--format=format:{_FORM}", *below)
    found: dict[tuple[str, str, str], str] = {}
    for entry in text(Git(git_dir).run(*args, timeout=_LONG).stdout).split("\x1e"):
        name, *told = entry.strip("\n").split("\x1f")
        if len(told) == len(_TRAILERS):
            found.setdefault((told[0], told[1], told[2]), name)
    return found
