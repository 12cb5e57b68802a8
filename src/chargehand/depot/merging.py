"""Three-way merges of trees, without a checkout. Nothing a repository contains is run: the depot knows no merge driver."""

from __future__ import annotations

from collections.abc import Sequence

from chargehand.depot.git import Git, names
from chargehand.depot.objects import Objects
from chargehand.depot.structured import merge_file
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
    return _by_content(git, objects, tree.decode(), tuple(dict.fromkeys(names(rest))), (was, left, right))


def _by_content(git: Git, objects: Objects, tree: str, paths: tuple[str, ...], sides: tuple[str, str, str]) -> str | Conflict:
    """Settle what git's merge of lines left open, where the files say how; ``sides`` are the trees of base, ours and theirs."""
    settled, ours, open_ = {}, {}, []
    for path in paths:
        texts = [_text(git, objects, side, path) for side in sides]
        if texts[1] is not None:
            ours[path] = texts[1]
        base, mine, yours = texts
        found = None if base is None or mine is None or yours is None else merge_file(git, path, base, mine, yours)
        if found is None:
            open_.append(path)
        else:
            settled[path] = found
    if not open_:
        return objects.tree(tree, settled)
    whole = all(path in ours for path in open_)
    return Conflict(tuple(open_), objects.tree(tree, settled | {path: ours[path] for path in open_}) if whole else "")


def _text(git: Git, objects: Objects, tree: str, path: str) -> bytes | None:
    """The content of an ordinary file; None for anything else."""
    listed = git.run("--literal-pathspecs", "ls-tree", "-z", tree, "--", path).stdout
    if not listed.startswith((b"100644 blob ", b"100755 blob ")) or listed.count(b"\0") != 1:
        return None
    (found,) = objects.read(listed.split(b"\t")[0].split(b" ")[2])
    return found[2] if found else None


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
