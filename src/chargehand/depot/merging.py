"""Three-way merges of trees, without a checkout. Nothing a repository contains is run: the depot knows no merge driver."""

from __future__ import annotations

from collections.abc import Sequence

from chargehand.depot.git import Git, names
from chargehand.depot.objects import Objects
from chargehand.ports import Conflict


def merge(git: Git, objects: Objects, base: str, ours: str, theirs: str) -> str | Conflict:
    """The tree of merging ``theirs`` into ``ours`` with ``base`` as their merge base; each a commit or a tree."""
    was, left, right = git.line("rev-parse", *(f"{treeish}^{{tree}}" for treeish in (base, ours, theirs))).split()
    if right in (left, was):
        return left
    if left == was:
        return right
    # git 2.38 cannot be told the base, so the trees are given a history that has it.
    root = objects.anchor(was)
    sides = (objects.anchor(tree, [root]) for tree in (left, right))
    merged = git.run("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", *sides, accept=(0, 1))
    tree, _, rest = merged.stdout.partition(b"\0")
    if merged.code == 0:
        return tree.decode()
    return Conflict(tuple(dict.fromkeys(names(rest))))


def replay(git: Git, objects: Objects, commits: Sequence[str], tip: str) -> str | Conflict:
    """Put ``commits`` on ``tip``, in order; what changes nothing there any more is left out. Author and message stay."""
    for commit in commits:
        old = objects.commit(commit)
        merged = merge(git, objects, old.parents[0], tip, commit)
        if isinstance(merged, Conflict):
            return merged
        if merged != git.line("rev-parse", f"{tip}^{{tree}}"):
            tip = objects.write_commit(merged, [tip, *old.parents[1:]], old.message, old.author)
    return tip
