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


def rewritten(git_dir: Path, commit: str, gone: Collection[str], borrow: Path | None = None) -> dict[str, str]:
    """Which commit on the line of ``commit`` has what those have that are not below it any more: the very files of one of them, for
    that one and for all that were below it. It is what becomes of commits that were squashed, or got another message.

    ``borrow`` is an object directory that may still have them.
    """
    git = Git(git_dir, borrow=borrow)
    asked = "".join(f"{one}\n" for one in gone).encode()
    said = git.run("cat-file", "--batch-check=%(objectname)", stdin=asked, timeout=_LONG).stdout.decode().splitlines()
    here = [one for one, answer in zip(gone, said, strict=True) if answer == one]
    if not here:
        return {}
    lies = {tree: one for one, tree, *_ in _between(git, [commit], here, "--first-parent")}
    past, found, known = _between(git, here, [commit]), dict[str, str](), -1
    while known < len(found):  # what was squashed and then squashed again is found by way of the first time
        known = len(found)
        for one, tree, *parents in past:
            if now := found.get(one) or lies.get(tree):
                lies.setdefault(tree, now)
                for each in (one, *parents):
                    found.setdefault(each, now)
    return {one: found[one] for one in here if one in found}


def _between(git: Git, above: Collection[str], below: Collection[str], *how: str) -> list[list[str]]:
    """Every commit below those ``above`` that is not below those ``below``: its name, its tree and its parents."""
    ends = "".join(f"{one}\n" for one in [*above, *(f"^{one}" for one in below)]).encode()
    told = git.run("log", "--topo-order", *how, "--format=format:%H %T %P", "--stdin", stdin=ends, timeout=_LONG)
    return [line.split() for line in told.stdout.decode().splitlines()]


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
