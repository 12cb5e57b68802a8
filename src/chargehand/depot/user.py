"""The user's repository as the depot sees it: where his branch is, and how it learns of what has landed."""

from __future__ import annotations

import os
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chargehand.depot.checkout import Checkout
from chargehand.depot.git import Git
from chargehand.depot.layout import read_ref
from chargehand.depot.repository import Repository, branches, missing
from chargehand.ports import Delivery

_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "index.lock")
_MOMENT_S = 1.0


@dataclass(frozen=True, slots=True)
class Branch:
    """The user's target branch: its tip, and the checkout it is out in, if any."""

    tip: str
    place: Path | None


class UserRepository:
    """Reads his target branch and moves it forward. Touches nothing else but ``refs/chargehand/landed/<target>``."""

    def __init__(self, repository: Repository, target: str, scratch: Path) -> None:
        self.repository = repository
        self.checkout = Checkout(scratch)
        self._moving = scratch.with_name(f"{scratch.name}.moving")
        self.target = target
        self.ref = f"refs/heads/{target}"
        self.landed = f"refs/chargehand/landed/{target}"
        self.git = Git(repository.git_dir)

    def tip(self) -> str:
        """Where his branch is now. RepositoryProblem when it is gone."""
        # Without a process where the ref is a file; any other way to keep refs is git's to know.
        return read_ref(self.repository.git_dir, self.ref) or self.look().tip

    def look(self) -> Branch:
        """Where his branch is now, and where it is checked out. RepositoryProblem when it is gone."""
        form = "--format=%(refname)%00%(objectname)%00%(worktreepath)"
        for line in self.git.run("for-each-ref", form, self.ref).stdout.splitlines():
            name, tip, place = line.split(b"\0")
            if os.fsdecode(name) == self.ref:
                return Branch(tip.decode(), self._place(os.fsdecode(place)))
        raise missing(self.target, branches(self.repository))

    def _place(self, path: str) -> Path | None:
        # Where the git directory lies apart from the checkout, git names the wrong path for the main one.
        if not path:
            return None
        return Path(path) if Path(path, ".git").exists() else self.repository.root

    def advance(self, his: Branch, new: str) -> Delivery:
        """Move his branch from ``his.tip`` to its descendant ``new``, with its checkout if nothing there is unfinished."""
        if his.place is None:
            if not self._rebased() and self._move(his.tip, new):
                return Delivery("branch")
        elif self._fast_forward(his.place, his.tip, new):
            return Delivery("checkout")
        return self.offer(new, his, "merge --ff-only")

    def offer(self, new: str, his: Branch, verb: str) -> Delivery:
        """Leave everything as it is, and say what to type."""
        self._update_ref(self.landed, new)
        there = f"-C {shlex.quote(str(his.place))} " if his.place not in (None, self.repository.root) else ""
        return Delivery("pending", f"git {there}{verb} {shlex.quote(self.landed)}")

    def settle(self, his: Branch, new: str) -> Delivery:
        """Move a branch whose checkout already holds the work (in-place), so that ``git status`` shows no difference."""
        if his.place is None:
            return self.advance(his, new)
        if self._step(his.place, his.tip, new, partly=True):
            return Delivery("checkout")
        return self.offer(new, his, "reset")

    def _fast_forward(self, place: Path, old: str, new: str) -> bool:
        git_dir = git_dir_of(place)
        if any((git_dir / name).exists() for name in _UNFINISHED):
            return False
        git = Git(git_dir, work_tree=place, own_settings=True)
        begun = self.checkout.note()
        if begun is not None and (begun.git_dir, begun.old) == (str(git_dir), old):  # a predecessor was killed on the way
            if not self._step(place, old, begun.new, partly=True):
                return False
            old = begun.new
        if git.run("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all").stdout:
            # Either he works here, or took the work over himself but for the branch.
            return git.run("diff-index", "--quiet", new, "--", accept=(0, 1)).code == 0 and self._move(old, new)
        # git would overwrite an ignored file without a word; it may be his only copy.
        added = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A", old, new).stdout
        if any(os.path.lexists(os.fsencode(place) + b"/" + path) for path in added.split(b"\0") if path):
            return False
        return old == new or self._step(place, old, new, partly=False)

    def _step(self, place: Path, old: str, new: str, *, partly: bool) -> bool:
        return self.checkout.step(git_dir_of(place), place, old, new, lambda: self._move(old, new), partly=partly)

    def _move(self, old: str, new: str) -> bool:
        name, address = self.repository.identity
        who = ("-c", f"user.name={name}", "-c", f"user.email={address}")
        orders = f"update {self.ref} {new} {old}\ndelete {self.landed}\n"
        return self._update_ref("-m", "chargehand: land", "--stdin", who=who, stdin=orders.encode(), accept=(0, 1, 128)) == 0

    def _update_ref(self, *args: str, who: tuple[str, ...] = (), stdin: bytes = b"", accept: tuple[int, ...] = (0,)) -> int:
        """Run it, with a mark on disk meanwhile: should we be killed, the locks it held are ours to remove."""
        self._moving.parent.mkdir(parents=True, exist_ok=True)
        self._moving.touch()
        code = self.git.run(*who, "update-ref", *args, stdin=stdin, accept=accept).code
        self._moving.unlink(missing_ok=True)
        return code

    def unlock(self) -> None:
        """Take away the locks a killed predecessor left. A git that lives has let go of the same lock within a moment."""
        self.checkout.unlock()
        if not self._moving.exists():
            return
        if left := self._ref_locks():
            time.sleep(_MOMENT_S)
            for lock in left.items() & self._ref_locks().items():
                lock[0].unlink(missing_ok=True)
        self._moving.unlink(missing_ok=True)

    def _ref_locks(self) -> dict[Path, tuple[int, int]]:
        """Locks of the refs we move that were made since we began to move them, and what tells each from a later one."""
        since, found = self._moving.stat().st_mtime_ns, {}
        for name in (f"{self.ref}.lock", f"{self.landed}.lock", "HEAD.lock", "packed-refs.lock"):
            with suppress(FileNotFoundError):
                status = (self.repository.git_dir / name).stat()
                if status.st_mtime_ns >= since:
                    found[self.repository.git_dir / name] = (status.st_ino, status.st_mtime_ns)
        return found

    def _rebased(self) -> bool:
        """Whether his branch is in the middle of a rebase; then it is checked out nowhere and yet not free."""
        common = self.repository.git_dir
        for git_dir in (common, *common.glob("worktrees/*")):
            for state in ("rebase-merge", "rebase-apply"):
                name = git_dir / state / "head-name"
                if name.is_file() and name.read_text(encoding="utf-8", errors="replace").strip() == self.ref:
                    return True
        return False


def git_dir_of(place: Path) -> Path:
    """The git directory of one of the user's checkouts."""
    link = place / ".git"
    if link.is_dir():
        return link
    path = os.fsdecode(link.read_bytes()).removeprefix("gitdir:").strip()
    return (place / path).resolve()
