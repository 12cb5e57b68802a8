"""The port ``Depot`` as a graph of commits in memory, with the user's repository on its other side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Conflict, Delivery, Refreshed, Taken

from .world import World

Tree = Mapping[str, str]
Work = tuple[str, str]
"""A task, and the attempt that landed it."""

_TRAILERS = re.compile(r"Chargehand-Task: (\S+)\nChargehand-Run: (\S+)\nChargehand-Attempt: (\d+)")


class Commit(NamedTuple):
    id: str
    parents: tuple[str, ...]
    tree: Tree
    message: str
    ancestors: frozenset[str]
    landed: Work | None
    """When it is a commit of ours made to be landed."""


class Workspace:
    def __init__(self, base: str, tree: Tree) -> None:
        self.base, self.tree = base, dict(tree)


class FakeDepot:
    """``watch`` is told before the target moves: it knows what may land."""

    def __init__(self, world: World, state: Path, first: Tree) -> None:
        self._world, self._work = world, state / "work"
        self._work.mkdir(parents=True)
        self.commits: dict[str, Commit] = {}
        self.trees: dict[str, Tree] = {}
        self.squashed: dict[str, frozenset[Work]] = {}
        """What is in a commit that the user made of several by hand."""
        self.tip = self.seen = self.user = self.incoming = self.commit((), first, "first")
        self.offered = self.before_replay = ""
        self.edits: dict[str, str] = {}
        self.attempts: dict[str, str] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.watch = Watch()

    # -- the graph ----------------------------------------------------------------------------------------------------------

    def commit(self, parents: Sequence[str], tree: Tree, message: str) -> str:
        name = f"c{len(self.commits)}"
        above = frozenset((name,)).union(*(self.commits[parent].ancestors for parent in parents))
        found = _TRAILERS.search(message)
        landed = (found[1], f"{found[2]}.{found[1]}.{found[3]}") if found else None
        self.commits[name] = Commit(name, tuple(parents), tree, message, above, landed)
        return name

    def tree(self, name: str) -> Tree:
        return self.trees[name] if name in self.trees else self.commits[name].tree

    def descends(self, commit: str, ancestor: str) -> bool:
        return ancestor in self.commits[commit].ancestors

    def squash(self, tip: str, below: str) -> str:
        """One commit in the place of all from ``below`` to ``tip``. It says nothing of what it is."""
        name = self.commit((below,), self.tree(tip), "squashed by hand")
        self.squashed[name] = self.works(tip) - self.works(below)
        return name

    def works(self, tip: str) -> frozenset[Work]:
        """All that landed on it, in commits of ours or in what the user made of them."""
        above = self.commits[tip].ancestors
        return frozenset(commit.landed for commit in self.landed(tip) if commit.landed).union(
            *(works for name, works in self.squashed.items() if name in above)
        )

    def landed(self, tip: str) -> Iterator[Commit]:
        return (commit for name in self.commits[tip].ancestors if (commit := self.commits[name]).landed)

    # -- the target ---------------------------------------------------------------------------------------------------------

    def refresh(self) -> Refreshed:
        his, ours = self.user, self.tip
        if his == self.seen:
            return Refreshed(ours, his, moved=False)
        self.incoming = his
        if ours == self.seen or self.descends(his, ours):
            self.tip = self.seen = his
            return Refreshed(his, his, moved=his != ours)
        if self.descends(his, self.seen) and self.descends(ours, his):
            self.seen = his
            return Refreshed(ours, his, moved=False)
        return Refreshed(ours, his, moved=False, diverged=True)

    def land(self, commit: str, expected: str) -> bool:
        if self.tip != expected or self.seen != self.user:
            self._world.count("land refused")
            return False
        self.watch.landing(self.commits[commit], expected)
        self._world.note("land", commit, "on", expected)
        self.tip = commit
        return True

    def deliver(self) -> Delivery:
        now = self.refresh()
        if now.tip == self.user:
            return Delivery("checkout")
        if now.diverged or self.edits:
            self.offered = now.tip
            return Delivery("pending", f"git {'merge' if now.diverged else 'merge --ff-only'} refs/chargehand/landed/main")
        self.user = self.seen = now.tip
        self._world.note("deliver", now.tip)
        return Delivery("checkout")

    def replay(self) -> str | Conflict:
        pending, at = [], self.tip
        while not self.descends(self.seen, at):
            pending.append(self.commits[at])
            at = self.commits[at].parents[0]
        tip = self.incoming
        for old in reversed(pending):
            merged = self.merge(old.parents[0], tip, old.id)
            if isinstance(merged, Conflict):
                self._world.count("replay conflict")
                return merged
            if self.trees[merged] != self.tree(tip):
                tip = self.commit((tip, *old.parents[1:]), self.trees[merged], old.message)
        return tip

    def adopt_replay(self, tip: str, expected: str) -> bool:
        if self.user != self.incoming or not self.descends(tip, self.user) or self.tip != expected:
            return False
        self.watch.replaying(self.commits[tip])
        self.before_replay = self.tip
        self._world.count("replay")
        self._world.note("replay", self.tip, "is now", tip)
        self.tip, self.seen = tip, self.user
        return True

    def renamed(self) -> Mapping[str, str]:
        if not self.before_replay:
            return {}
        now = {commit.landed: commit.id for commit in self.landed(self.tip)}
        gone = self.commits[self.before_replay].ancestors - self.commits[self.tip].ancestors
        return {
            name: now[work]
            for name in sorted(gone, key=lambda name: -int(name[1:]))
            if (work := self.commits[name].landed) in now and work
        }

    def renames_noted(self) -> None:
        self.before_replay = ""

    def contains(self, commit: str) -> bool:
        return commit in self.commits and self.descends(self.tip, commit)

    def patch(self, base: str, commit: str) -> str:
        return "\n".join(self.changed(base, commit))

    # -- workspaces ---------------------------------------------------------------------------------------------------------

    def workspace(self, name: str, commit: str, branch: str = "") -> Path:  # noqa: ARG002
        self.watch.clearing(name)
        return self.checkout(name, commit)

    def checkout(self, name: str, commit: str) -> Path:
        self.watch.emptying(name)
        self.workspaces[name] = Workspace(commit, self.commits[commit].tree)
        place = self._work / name
        if not place.is_dir():
            place.mkdir()
        return place

    def discard(self, name: str) -> None:
        if name in self.workspaces:
            self.watch.emptying(name)
            self.watch.discarding(name)
            del self.workspaces[name]
            (self._work / name).rmdir()

    def close(self) -> None:
        """Nothing is kept."""

    def places(self) -> tuple[str, ...]:
        return ()

    def shared(self) -> tuple[str, ...]:
        return ()

    def take(self, name: str, base: str, message: str, attempt: str = "") -> Taken | None:
        if name not in self.workspaces:
            raise EnvironmentProblem(f"the workspace {name} is gone", code="workspace")
        self.watch.emptying(name)
        tree = dict(self.workspaces[name].tree)
        attempt = attempt or name
        if tree == self.commits[base].tree:
            self.attempts[attempt] = base
            return None
        self.attempts[attempt] = self.commit((base,), tree, message)
        return Taken(self.attempts[attempt], self.changed(base, self.attempts[attempt]))

    def touched(self, name: str) -> tuple[str, ...]:
        if name not in self.workspaces:
            return ()
        now, was = self.workspaces[name].tree, self.commits[self.workspaces[name].base].tree
        return tuple(sorted(path for path in now.keys() | was.keys() if now.get(path) != was.get(path)))

    # -- commits ------------------------------------------------------------------------------------------------------------

    def read(self, commit: str, path: str) -> bytes | None:
        text = self.commits[commit].tree.get(path)
        return None if text is None else text.encode()

    def propose(self, commit: str, parents: Sequence[str], message: str, replace: dict[str, bytes]) -> str:
        tree = {**self.tree(commit), **{path: data.decode() for path, data in replace.items()}}
        return self.commit(parents, tree, message)

    def merge(self, base: str, ours: str, theirs: str) -> str | Conflict:
        was, left, right = self.tree(base), self.tree(ours), self.tree(theirs)
        merged, clashes = dict(left), []
        for path in sorted(was.keys() | right.keys()):
            old, one, two = was.get(path), left.get(path), right.get(path)
            if two in (old, one):
                continue
            text = two if one == old else merge_lines(old, one, two)
            if text is not None:
                merged[path] = text
            elif one == old:
                del merged[path]
            else:
                clashes.append(path)
        if clashes:
            self._world.count("conflict")
            return Conflict(tuple(clashes))
        name = f"t{len(self.trees)}"
        self.trees[name] = merged
        return name

    def without(self, commit: str, onto: str, keep: Sequence[str]) -> str | Conflict:
        kept = {path: text for path in keep if (text := self.commits[onto].tree.get(path)) is not None}
        sides = []
        for name in (commit, self.commits[commit].parents[0]):
            sides.append(f"t{len(self.trees)}")
            self.trees[sides[-1]] = {**self.tree(name), **kept}
        return self.merge(sides[0], onto, sides[1])

    def changed(self, base: str, commit: str) -> tuple[str, ...]:
        one, two = self.tree(base), self.tree(commit)
        return tuple(sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path)))

    def list(self, commit: str) -> dict[str, tuple[str, int]]:
        return {path: ("100644", len(text)) for path, text in self.tree(commit).items()}


class Watch:
    """What must hold when the depot acts. The history checker fills it in."""

    def landing(self, commit: Commit, expected: str) -> None: ...

    def replaying(self, tip: Commit) -> None: ...

    def starting(self, name: str) -> None: ...

    def asking(self, name: str) -> None: ...

    def clearing(self, name: str) -> None: ...

    def emptying(self, name: str) -> None: ...

    def discarding(self, name: str) -> None: ...


def merge_lines(old: str | None, one: str | None, two: str | None) -> str | None:
    """Three texts that all differ, merged by lines; None when both changed the same place."""
    if old is None or one is None or two is None:
        return None
    was, left, right = old.split("\n"), one.split("\n"), two.split("\n")
    if len(was) == len(left) == len(right):
        lines = [b if a == o else a if b in (o, a) else None for o, a, b in zip(was, left, right, strict=True)]
        return None if None in lines else "\n".join(line for line in lines if line is not None)
    (start, end), (first, last) = _region(was, left), _region(was, right)
    if end <= first and start != first:
        return "\n".join(right[:start] + left[start : len(left) - len(was) + end] + right[end:])
    if last <= start and start != first:
        return "\n".join(left[:first] + right[first : len(right) - len(was) + last] + left[last:])
    return None


def _region(was: list[str], now: list[str]) -> tuple[int, int]:
    """The lines of ``was`` that are others in ``now``: from, to."""
    start, end = 0, 0
    while start < min(len(was), len(now)) and was[start] == now[start]:
        start += 1
    while end < min(len(was), len(now)) - start and was[-1 - end] == now[-1 - end]:
        end += 1
    return start, len(was) - end
