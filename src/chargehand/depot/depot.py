"""The depot: a bare repository of ours between the agents and the user's repository.

Its ``refs/heads/<target>`` is the tip we answer for; ``refs/chargehand/user/<target>`` is the user's tip it was built on, so that
what lies between the two has landed and is not delivered. Objects are never collected while a run needs them.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock

from chargehand.depot import history, merging, saved
from chargehand.depot.git import Git, text
from chargehand.depot.layout import all_refs, borrows_only, config, empty, link_objects, read_ref, write_git_dir, write_ref
from chargehand.depot.objects import Objects, is_git_path, object_format
from chargehand.depot.repository import Repository, inspect
from chargehand.depot.spares import Spares
from chargehand.depot.taking import differing, glance, readable, snapshot
from chargehand.depot.transfer import hand_over, share_shallow, transfer
from chargehand.depot.trouble import told
from chargehand.depot.user import UserRepository
from chargehand.depot.workspace import Place, Workspaces, exclude_file
from chargehand.model.config import WorkspaceKind
from chargehand.model.errors import ChargehandError, EnvironmentProblem, StorageProblem
from chargehand.ports import Conflict, Delivery, Refreshed, Taken

_ATTEMPTS = "refs/chargehand/attempts/"
_KEPT = "refs/chargehand/kept/"
_INCOMING = "refs/chargehand/incoming/"
_REPLAYED = "refs/chargehand/replayed/"


class GitDepot:
    """The port ``Depot`` over git. Safe to use from several threads; of two processes only one may hold it."""

    def __init__(
        self,
        repository: Repository,
        state: Path,
        target: str,
        kind: WorkspaceKind = "clone",
        clock: Callable[[], float] = time.time,
    ) -> None:
        state = state.absolute()
        self.git = Git(state / "depot.git")
        self.target = target
        self.user = UserRepository(repository, target, state / "index" / "user")
        self._tip = f"refs/heads/{target}"
        self._seen = f"refs/chargehand/user/{target}"
        self._incoming = f"{_INCOMING}{target}"
        self._replayed = f"{_REPLAYED}{target}"
        self._lock = Lock()
        self._kind = kind
        self._state = state
        self._identity = repository.identity
        his = self.user.tip()
        self._algorithm = object_format(his)
        self._config = config(bare=True, algorithm=self._algorithm, identity=self._identity)
        self.objects = Objects(self.git, self._algorithm, self._identity, clock)
        spares = Spares(self.git, state / "trash")
        self._workspaces = Workspaces(
            self.git, state, repository.root, repository.git_dir, kind, self._algorithm, self._identity, spares
        )
        self._create(his)

    @classmethod
    def open(
        cls, root: Path, state: Path, target: str, kind: WorkspaceKind = "clone", clock: Callable[[], float] = time.time
    ) -> GitDepot:
        """The depot of the repository at ``root``, made in ``state`` on first use. RepositoryProblem without a ``target``."""
        return cls(inspect(root), state, target, kind, clock)

    @told
    def _create(self, his: str) -> None:
        """Make what is missing; every step is either done or not, so a crash between them does no harm."""
        repository, final = self.user.repository, self.git.git_dir
        empty(self._state / "trash")
        self.user.unlock()
        for lock in (*final.glob("refs/**/*.lock"), *final.glob("*.lock")):
            lock.unlink()  # left by a git that was killed: the depot is ours alone
        if not final.is_dir():
            self._state.mkdir(parents=True, exist_ok=True)
            fresh = self._state / f"trash/depot-{uuid.uuid4().hex}"
            refs = {self._tip: his, self._seen: his}
            head = f"ref: {self._tip}"
            write_git_dir(fresh, bare=True, algorithm=self._algorithm, identity=self._identity, head=head, refs=refs)
            link_objects(repository.git_dir / "objects", fresh / "objects")
            share_shallow(repository.git_dir, fresh)
            fresh.rename(final)
        self._restore_config()
        inside = self._state.resolve().is_relative_to(repository.root.resolve())
        mine = (f"/{self._state.resolve().relative_to(repository.root.resolve())}/",) if inside else ()
        exclude_file(final / "info" / "exclude", repository.excludes, mine)
        if read_ref(final, self._tip) is None or read_ref(final, self._seen) is None:
            self._fetch(his)
            self._move((self._tip, his, ""), (self._seen, his, ""))

    def _restore_config(self) -> None:
        """In worktree mode an agent can reach our config; whatever he wrote there ends here, before git reads it."""
        path = self.git.git_dir / "config"
        wanted = self._config.encode()
        if not path.is_file() or path.read_bytes() != wanted:
            fresh = path.with_name("config.new")
            fresh.write_bytes(wanted)
            fresh.replace(path)

    # The target

    @told
    def refresh(self) -> Refreshed:
        """Look at the user's target branch and take over what is new there. RepositoryProblem when he deleted it."""
        with self._lock:
            return self._refresh(self.user.tip())

    def _refresh(self, his: str) -> Refreshed:
        ours, seen = self._tips()
        if his == seen:
            return Refreshed(ours, his, moved=False)
        if read_ref(self.git.git_dir, self._incoming) != his:
            self._fetch(his)
            self._set(self._incoming, his)
        if ours == seen or self._descends(his, ours):
            self._move((self._tip, his, ours), (self._seen, his, seen))
            return Refreshed(his, his, moved=his != ours)
        if self._descends(his, seen) and self._descends(ours, his):
            self._move((self._tip, ours, ours), (self._seen, his, seen))
            return Refreshed(ours, his, moved=False)
        return Refreshed(ours, his, moved=False, diverged=True)

    @told
    def land(self, commit: str, expected: str) -> bool:
        """Move the target from ``expected`` to ``commit``; False when it is not there any more, or the user moved his."""
        with self._lock:
            his = self.user.tip()
            return self._move((self._tip, commit, expected), (self._seen, his, his))

    @told
    def deliver(self) -> Delivery:
        """Let the user's repository have the target. Nothing of his changes when his checkout is in use."""
        with self._lock:
            his = self.user.look()
            now = self._refresh(his.tip)
            if now.tip == his.tip:
                return Delivery("checkout" if his.place else "branch")
            ours = now.tip
            hand_over(self.git, self.user.git, ours, his.tip)
            if now.diverged:
                return self.user.offer(ours, his, "merge")
            delivery = self.user.settle(his, ours) if self._kind == "in-place" else self.user.advance(his, ours)
            if delivery.how != "pending":
                self._set(self._seen, ours)
            return delivery

    @told
    def replay(self) -> str | Conflict:
        """Put every commit that landed and was not delivered on the user's tip, in order, each by a three-way merge.

        Returns the new tip (the user's own when nothing is left to put on it); no ref moves. Call after ``refresh`` said
        ``diverged``, judge the result, then ``adopt_replay``.
        """
        with self._lock:
            _, seen = self._tips()
            tip = read_ref(self.git.git_dir, self._incoming) or seen
            pending = self.git.line("rev-list", "--reverse", "--first-parent", f"{seen}..{self._tip}").split()
        return merging.replay(self.git, self.objects, pending, tip)

    @told
    def adopt_replay(self, new_tip: str, expected: str) -> bool:
        """Make a replayed tip ours; False when the target is not at ``expected`` or the user's branch moved again."""
        with self._lock:
            his = self.user.tip()
            _, seen = self._tips()
            if his != read_ref(self.git.git_dir, self._incoming) or not self._descends(new_tip, his):
                return False
            before = read_ref(self.git.git_dir, self._replayed) or ""
            return self._move((self._tip, new_tip, expected), (self._seen, his, seen), (self._replayed, expected, before))

    @told
    def renamed(self) -> Mapping[str, str]:
        """Which landed commits the last replay put on the target under which other names; nothing once that is noted.

        Told by what they say of themselves, so one that the user had taken over by himself is known by his name for it.
        """
        before = read_ref(self.git.git_dir, self._replayed)
        if before is None:
            return {}
        old, new = (history.named(self.git.git_dir, *ends) for ends in ((before, self._tip), (self._tip, before)))
        return {commit: new[work] for work, commit in old.items() if work in new}

    @told
    def renames_noted(self) -> None:
        """What the last replay renamed is on record."""
        if before := read_ref(self.git.git_dir, self._replayed):
            self.git.run("update-ref", "-d", self._replayed, before)

    @told
    def patch(self, base: str, commit: str) -> str:
        """The difference between two commits as a unified diff; binary files are only named."""
        found = saved.diff(self.git.git_dir, base, commit)
        return found[1].decode("utf-8", "replace") if found else ""

    @told
    def contains(self, commit: str) -> bool:
        """Whether the target already contains ``commit``. A commit the depot never saw is not contained."""
        return self._descends(self._tip, commit)

    # Workspaces

    @told
    def workspace(self, name: str, commit: str, branch: str = "") -> Path:
        """A private checkout of ``commit`` on ``branch`` (``chargehand/<name>`` when empty), made anew if there is one.

        In-place, it is the user's own checkout, as it is.
        """
        self._workspaces.path(name)
        self._restore_config()
        return self._workspaces.make(name, commit, branch or f"chargehand/{name}")

    @told
    def checkout(self, name: str, commit: str) -> Path:
        """A private checkout of ``commit`` on no branch, for gates. Never the user's own, whatever the kind of workspace."""
        return self._workspaces.checkout(name, commit)

    @told
    def discard(self, name: str) -> None:
        """Remove a workspace whose work has been taken. What was taken stays."""
        self._workspaces.discard(name)

    def close(self) -> None:
        """Remove what was only kept to make the next checkout faster."""
        self._workspaces.spares.clear()

    def places(self) -> tuple[str, ...]:
        """What a program in a workspace must be able to read beside it: the depot's objects, and those it borrows."""
        objects = self.git.git_dir / "objects"
        borrowed = objects / "info" / "alternates"
        others = os.fsdecode(borrowed.read_bytes()).splitlines() if borrowed.is_file() else []
        return (str(objects), *others)

    def shared(self) -> tuple[str, ...]:
        """What a program in a workspace must be able to write beside it: the depot itself, where it has a worktree of it."""
        return (str(self.git.git_dir),) if self._kind == "worktree" else ()

    @told
    def take(self, name: str, base: str, message: str, attempt: str = "") -> Taken | None:
        """Bring all an agent left into the depot: his commits, and a commit on top with the files as they lie there.

        That commit is kept as ``refs/chargehand/attempts/<attempt>`` (empty: the workspace's name). Where his history does not come
        from ``base`` or cannot be read, it stands on ``base`` instead. None when the files are those of ``base``; his commits are
        kept all the same. Paths that are not UTF-8 are reported with escapes.
        """
        self._restore_config()
        attempt = attempt or name
        place = self._workspaces.agent(name)
        head = self._take_commits(attempt, place, base) or base
        committed = differing(self.git, base, head) if head != base else ()
        taken = snapshot(self.git, place.path, self._workspaces.index(name), base, committed)
        files = readable(differing(self.git, base, taken[0])) if taken else ()
        if not files or taken is None:
            if head != base:
                self._set(_ATTEMPTS + attempt, head)
            return None
        tree, note = taken
        parents = [head] if head == base or self._descends(head, base) else [base, head]
        if committed and parents == [head] and self.git.line("rev-parse", f"{head}^{{tree}}") == tree:
            commit = head
        else:
            commit = self.objects.write_commit(tree, parents, f"{message}\n\n{note}".encode("utf-8", "replace"))
        self._set(_ATTEMPTS + attempt, commit)
        return Taken(commit, files)

    @told
    def touched(self, name: str) -> tuple[str, ...]:
        """Paths that differ in a workspace from what it was made from: a look by the files' times, while the agent works."""
        return readable(sorted(glance(self.git, self._workspaces.agent(name).path, self._workspaces.index(name))))

    def _take_commits(self, attempt: str, place: Place, base: str) -> str | None:
        """Bring in every commit a ref of the agent names; returns his HEAD, None when it cannot be read."""
        cloned = self._kind == "clone"
        if cloned and not borrows_only(place.common, self.git.git_dir / "objects"):
            return None
        head = read_ref(place.git_dir, common=place.common)
        tips = sorted(set(all_refs(place.common).values()) - {base, head}) if cloned else []
        for number, tip in enumerate(tip for tip in tips if self._borrow(place.common, tip, base)):
            self._set(f"{_KEPT}{attempt}/{number}", tip)
        return head if head and (head == base or self._borrow(place.common, head, base)) else None

    def _borrow(self, common: Path, tip: str, base: str) -> bool:
        """Copy the objects of an agent's commit into the depot; False when they are not all there and well."""
        try:
            if common != self.git.git_dir:
                transfer(Git(self.git.git_dir, borrow=common / "objects"), self.git, [tip], [base], strict=True)
            return self.git.run("cat-file", "-e", f"{tip}^{{commit}}", accept=range(256)).code == 0
        except StorageProblem:
            raise
        except EnvironmentProblem as problem:
            if problem.code != "git":
                raise  # the machine's trouble, not the agent's: his commits are well
            return False

    # Commits

    @told
    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit (a link's is its target); None when it is not there."""
        if not is_git_path(path):
            return None
        (found,) = self.objects.read(os.fsencode(f"{commit}:{path}"))
        return found[2] if found is not None and found[1] == b"blob" else None

    @told
    def propose(self, commit: str, parents: Sequence[str], message: str, replace: dict[str, bytes]) -> str:
        """A commit with the tree of ``commit`` (a commit, or a tree as ``merge`` returns it), some files' content replaced, and
        these parents. It is by the user, now. No ref moves."""
        tree = self.objects.tree(commit, replace)
        return self.objects.write_commit(tree, parents, message.encode("utf-8", "replace"))

    @told
    def merge(self, base: str, ours: str, theirs: str) -> str | Conflict:
        """The id of the tree of a three-way merge, made without a checkout; ``propose`` takes it.

        All three may be commits or trees; ``base`` counts as their merge base whatever their history says.
        """
        return merging.merge(self.git, self.objects, base, ours, theirs)

    @told
    def without(self, commit: str, onto: str, keep: Sequence[str]) -> str | Conflict:
        """The tree of ``onto`` without what ``commit`` changed against its first parent; the files in ``keep`` stay as they are in
        ``onto``. EnvironmentProblem when the depot has no such commit."""
        kept = {path: text for path in keep if (text := self.read(onto, path)) is not None}
        parents = self.objects.commit(commit).parents
        with_it, before = (self.objects.tree(one, kept) for one in (commit, parents[0]))
        return merging.merge(self.git, self.objects, with_it, onto, before)

    @told
    def changed(self, base: str, commit: str) -> tuple[str, ...]:
        """Paths that differ between two commits; renames count as two. What is not UTF-8 is shown as escapes."""
        return readable(differing(self.git, base, commit))

    @told
    def list(self, commit: str) -> dict[str, tuple[str, int]]:
        """Every path at a commit with its mode and its size in bytes (a submodule has none: 0). What is not UTF-8 is shown as
        escapes."""
        found = {}
        for entry in self.git.run(
            "ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit, timeout=300.0
        ).stdout.split(b"\0"):
            about, _, path = entry.partition(b"\t")
            if path:
                mode, _, _, size = about.split()
                found[text(path)] = (mode.decode(), int(size) if size.isdigit() else 0)
        return found

    # Refs

    def _tips(self) -> tuple[str, str]:
        """Our tip, and the user's tip it was built on."""
        ours, seen = (read_ref(self.git.git_dir, name) for name in (self._tip, self._seen))
        if ours is None or seen is None:
            raise ChargehandError(f"the depot has lost {self._tip}", hint=f"remove {self.git.git_dir} to have it made anew")
        return ours, seen

    def _move(self, *refs: tuple[str, str, str]) -> bool:
        """Set refs from their old to their new commits, all or none. False when one is not at its old commit."""
        orders = "".join(f"update {name} {new} {old}\n" for name, new, old in refs)
        done = self.git.run("update-ref", "--stdin", stdin=orders.encode(), accept=(0, 128))
        if done.code and all(read_ref(self.git.git_dir, name) == (old or None) for name, _, old in refs):
            raise EnvironmentProblem(f"git cannot move {refs[0][0]}: {done.stderr.decode(errors='replace').strip()}", code="git")
        return done.code == 0

    def _set(self, name: str, commit: str) -> None:
        write_ref(self.git.git_dir, name, commit)

    def _descends(self, commit: str, ancestor: str) -> bool:
        return self.git.run("merge-base", "--is-ancestor", ancestor, commit, accept=(0, 1, 128)).code == 0

    def _fetch(self, his: str) -> None:
        """Bring in what the user's repository has of ``his`` and we have not."""
        theirs = self.user.repository.git_dir
        share_shallow(theirs, self.git.git_dir)
        have = {
            commit
            for name, commit in all_refs(self.git.git_dir).items()
            if name.startswith(("refs/heads/", "refs/chargehand/user/"))
        }
        transfer(Git(self.git.git_dir, borrow=theirs / "objects"), self.git, [his], sorted(have))
