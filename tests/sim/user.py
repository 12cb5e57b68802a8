"""The user, who does not wait until we are done: he commits, leaves things lying about, edits his spec, stops us, asks again."""

from __future__ import annotations

import json
from pathlib import Path

from chargehand.engine.runner import Runner
from chargehand.ports import Conflict

from . import spec
from .agents import HOT, SPEC
from .depot import FakeDepot
from .history import History
from .launcher import FakeLauncher
from .store import FakeStore
from .world import World

_DAY_S = 86_400.0


class User:
    """``file`` is the spec when git does not carry it."""

    def __init__(
        self, world: World, depot: FakeDepot, store: FakeStore, launcher: FakeLauncher, history: History, file: Path | None
    ) -> None:
        self._world, self._depot, self._store, self._launcher = world, depot, store, launcher
        self._history, self._file = history, file
        self.runner: Runner | None = None
        self.meddled: set[str] = set()
        """Tasks whose text he took out or put in again: what is ticked of these is his affair."""
        self._acts = (
            self._commit, self._commit, self._commit, self._dirty, self._dirty, self._clean, self._stop, self._stop_twice,
            self._edit_spec, self._kill_agent, self._skew, self._ask_again, self._ask_to_stop, self._pause, self._cancel,
            self._answer, self._answer, self._skip, self._undo, self._say_again, self._squash,
        )  # fmt: skip

    def act(self) -> None:
        """Something of what users do."""
        act = self._world.rng.choice(self._acts)
        self._world.count(f"user {act.__name__.strip('_')}")
        self._world.note("user", act.__name__)
        act()

    def text(self) -> str:
        """The spec as it lies in his checkout."""
        return self._file.read_text() if self._file else self._depot.commits[self._depot.user].tree.get(SPEC, "")

    def tidy(self) -> None:
        """Put his own changes away."""
        self._depot.edits.clear()

    def repair(self) -> None:
        """Settle what only a person can settle: take over landed work by a merge, as the hint says."""
        self.tidy()
        depot = self._depot
        if depot.tip == depot.user or depot.descends(depot.user, depot.tip):
            return
        if not depot.offered:
            self._world.violate("landed work is to be merged, and the user's repository has no ref of it")
        both = {**depot.tree(depot.user), **depot.tree(depot.offered)}
        self.meddled |= spec.done(self.text()) ^ spec.done(both.get(SPEC, ""))
        depot.user = depot.commit((depot.user, depot.offered), both, "merged by hand")

    def _change(self, path: str, text: str) -> None:
        tree = {**self._depot.commits[self._depot.user].tree, path: text}
        self._depot.user = self._depot.commit((self._depot.user,), tree, f"user: {path}")

    def _commit(self) -> None:
        rng, tree = self._world.rng, self._depot.commits[self._depot.user].tree
        if rng.random() < 0.5:
            return self._change("README", f"line {self._world.steps}\n")
        if rng.random() < 0.15:
            return self._change("sem/user.txt", f"{self._world.steps}")
        lines = tree[HOT].split("\n")
        lines[rng.randrange(len(lines))] = f"line of user {self._world.steps}"
        return self._change(HOT, "\n".join(lines))

    def _dirty(self) -> None:
        self._depot.edits["README"] = "half a thought"

    def _clean(self) -> None:
        depot = self._depot
        depot.edits.clear()
        if depot.offered and self._world.chance(0.5):
            self._merge(depot.offered, squashed=self._world.chance(0.25))

    def _merge(self, offered: str, *, squashed: bool) -> None:
        """``git merge``, given up when there is a conflict; or ``git merge --squash``."""
        depot = self._depot
        if squashed:
            self._world.count("squashed what waits")
        if depot.descends(offered, depot.user):
            depot.user = depot.squash(offered, depot.user) if squashed and offered != depot.user else offered
        elif not depot.descends(depot.user, offered):
            common = depot.commits[offered].ancestors & depot.commits[depot.user].ancestors
            base = max(common, key=lambda name: int(name[1:]))
            if not isinstance(merged := depot.merge(base, depot.user, offered), Conflict):
                works = depot.works(offered)
                depot.user = depot.commit((depot.user, *(() if squashed else (offered,))), depot.tree(merged), "merge")
                depot.squashed[depot.user] = works

    def _squash(self) -> None:
        """Make one of his last commits, ours among them, or give the last one another name."""
        depot, below = self._depot, self._depot.user
        for _ in range(self._world.rng.randint(1, 4)):
            below = next(iter(depot.commits[below].parents), below)
        if below != depot.user:
            depot.user = depot.squash(depot.user, below)
            if depot.squashed[depot.user]:
                self._world.count("squashed what landed")

    def _edit_spec(self) -> None:
        rng, text = self._world.rng, self.text()
        open_tasks = [task for task in spec.ids(text) if task not in spec.done(text)]
        kind = rng.choice(("add", "remove", "retitle", "done", "again"))
        gone = sorted(set(self._history.tasks) - set(spec.ids(text)))
        if kind == "add":
            text = spec.add(text, rng, f"TASK-{100 + self._world.tally['user edit_spec']:03d}")
        elif kind == "again" and gone:
            self.meddled.add(task := rng.choice(gone))
            text = spec.add(text, rng, task)
        elif open_tasks and kind == "remove":
            self.meddled.add(task := rng.choice(open_tasks))
            text = spec.remove(text, task)
        elif open_tasks and kind == "retitle":
            text = spec.retitle(text, rng.choice(open_tasks), f"Title {self._world.steps}")
        elif open_tasks and kind == "done":
            task = rng.choice(open_tasks)
            text = spec.mark(text, task, "done", True) or text
            if self._history.back[task]:  # what was taken back is not done because a copy of the spec says so
                self.meddled.add(task)
        self._world.note("user", kind)
        if self._file:
            self._file.write_text(text)
        elif text:
            self._change(SPEC, text)

    def _kill_agent(self) -> None:
        if alive := [shim for shim in self._launcher.shims.values() if self._launcher.alive(shim)]:
            self._launcher.end(self._world.rng.choice(alive), "lost")

    def _skew(self) -> None:
        """The wall clock jumps: it is set, or the machine slept for a day (so does everything on it)."""
        rng = self._world.rng
        self._world.skew += rng.choice((rng.uniform(-500.0, 500.0), -_DAY_S, _DAY_S))

    def _answer(self) -> None:
        """Say something to a question, sometimes to one that is no longer asked."""
        rng, asked = self._world.rng, [(name, past) for name, past in self._history.attempts.items() if past.question]
        if asked:
            _, past = rng.choice(asked)
            answer = rng.choice(("approve", "approve", "approve", "reject", "fix", "skip"))
            question = past.question if rng.random() < 0.9 else "another"
            told = {"task": past.task, "question": question, "answer": answer, "by": "the user", "comment": "so"}
            self._store.post("answer", json.dumps(told))

    def _skip(self) -> None:
        if (tasks := list(self._history.tasks)) and self._world.chance(0.3):
            self._store.post("skip", json.dumps({"task": self._world.rng.choice(tasks), "by": "the user"}))

    def _undo(self) -> None:
        """Want back how it was, sometimes of what has not landed."""
        if tasks := list(self._history.tasks):
            self._store.post("undo", json.dumps({"task": self._world.rng.choice(tasks), "by": "the user"}))

    def _say_again(self) -> None:
        """What he said before arrives a second time. (After a second pause he would have to say that it is over.)"""
        if told := [request for request in self._store.inbox if request.kind != "pause"]:
            said = self._world.rng.choice(told)
            self._store.post(said.kind, said.body)

    def _ask_again(self) -> None:
        if failed := [task for task, past in self._history.tasks.items() if past.state in ("failed", "needs_human", "skipped")]:
            self._store.post("retry", self._world.rng.choice(failed))

    def _ask_to_stop(self) -> None:
        if self.runner:
            self._store.post("stop")

    def _pause(self) -> None:
        if self.runner and self._world.loop:
            self._store.post("pause", "the user")
            self._world.loop.call_later(self._world.rng.uniform(0.0, 30.0), self._store.post, "resume", "the user")

    def _cancel(self) -> None:
        working = [task for task, past in self._history.tasks.items() if past.open]
        self._store.post("cancel", self._world.rng.choice(["", *working]))

    def _stop(self) -> None:
        if self.runner and self._world.loop:
            self._world.loop.call_soon(self._signal, self.runner)

    def _stop_twice(self) -> None:
        self._stop()
        self._stop()

    def _signal(self, runner: Runner) -> None:
        if not runner.steering.stop("interrupted by SIGINT"):
            self._history.cancelled = True
            runner.cancel()
