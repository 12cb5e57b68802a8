"""A branch of a run's own in the user's repository: made from his target, so that the target stays where it is."""

from __future__ import annotations

import re
from pathlib import Path

from chargehand.depot.git import Git, text
from chargehand.depot.history import tip
from chargehand.depot.trouble import told
from chargehand.model.errors import RepositoryProblem

PREFIX = "chargehand/"
_NOTHING = "0" * 40


def branch_of(run: str) -> str:
    """What the branch of a run is called."""
    return PREFIX + run


@told
def begin(git_dir: Path, run: str, target: str, *, goes_on: bool) -> str:
    """The branch a run lands on; made where it is not there: from the target, or from the branch of an earlier run that the target
    has not taken over yet. ``goes_on``: the run has landed there before.

    Raises RepositoryProblem when somebody else's branch has its name, or when it cannot be told what to begin from.
    """
    name, there = branch_of(run), tip(git_dir, branch_of(run))
    if there and goes_on:
        return name
    start = tip(git_dir, target) if goes_on else _start(git_dir, run, target)
    if there == start:
        return name
    if there and not _descends(git_dir, start, there):
        raise RepositoryProblem(f"there is a branch {name} already", hint=f"rename it, or delete it: git branch -D {name}")
    made = Git(git_dir).run("update-ref", f"refs/heads/{name}", start, there or _NOTHING[:1] * len(start), accept=(0, 1, 128))
    if made.code:
        raise RepositoryProblem(f"git cannot make the branch {name}: {text(made.stderr)}", hint="rename the branch in its way")
    return name


@told
def drop(git_dir: Path, run: str, target: str) -> None:
    """Remove the branch of a run that was not opened after all."""
    name = branch_of(run)
    if tip(git_dir, name) == _start(git_dir, run, target):
        Git(git_dir).run("update-ref", "-d", f"refs/heads/{name}", accept=(0, 1, 128))


def _start(git_dir: Path, run: str, target: str) -> str:
    now = tip(git_dir, target)
    before = _before(git_dir, run)
    last = tip(git_dir, before) if before else ""
    if not last or _descends(git_dir, now, last) or _taken_over(git_dir, now, last):
        return now
    if _descends(git_dir, last, now):
        return last
    raise RepositoryProblem(
        f"{before} holds landed work that {target} has not, and {target} has moved on",
        hint=f"merge {before} into {target}; if its work is there already, git branch -D {before}",
    )


def _before(git_dir: Path, run: str) -> str:
    """The branch of the newest earlier run that has one."""
    listed = text(Git(git_dir).run("for-each-ref", "--format=%(refname)", f"refs/heads/{PREFIX}").stdout).splitlines()
    numbers = [int(found[1]) for name in listed if (found := re.fullmatch(rf"refs/heads/{PREFIX}r(\d+)", name))]
    earlier = [number for number in numbers if number < int(run.removeprefix("r"))]
    return branch_of(f"r{max(earlier)}") if earlier else ""


def _taken_over(git_dir: Path, now: str, last: str) -> bool:
    """Whether all that ``last`` changed is in ``now`` as it is there: it was squashed."""
    git = Git(git_dir)
    found = git.run("merge-base", "--end-of-options", now, last, accept=(0, 1))
    if found.code:
        return False
    names = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", text(found.stdout), last).stdout.split(b"\0")[:-1]
    differ = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", now, last).stdout.split(b"\0")[:-1]
    return not set(names).intersection(differ)


def _descends(git_dir: Path, commit: str, ancestor: str) -> bool:
    return Git(git_dir).run("merge-base", "--is-ancestor", ancestor, commit, accept=(0, 1, 128)).code == 0
