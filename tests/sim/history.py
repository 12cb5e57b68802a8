"""The promises, checked against every durable fact, every landing and every start, while they happen."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import NamedTuple, NoReturn

from chargehand.model import facts as f
from chargehand.model.config import Config
from chargehand.model.work import Exit, Usage
from chargehand.plan.cards import BY_PARTS, NOBODY

from . import spec
from .agents import CHEAT, SPEC, good
from .depot import Commit, FakeDepot, Watch
from .launcher import FakeLauncher, Shim
from .world import World

_SPENT = {"empty", "agent_failed", "gate_failed", "conflict", "timeout", "stall"}


class TaskPast:
    def __init__(self, fact: f.TaskAdded) -> None:
        self.needs, self.state = fact.needs, "landed" if fact.done else "todo"
        self.rejected = False
        self.beside, self.review = bool(fact.kind), fact.kind == "review"
        self.undoes = fact.about if fact.kind == "undo" else ""
        self.open = self.commit = ""
        self.attempts = self.spent = 0


class AttemptPast:
    def __init__(self, fact: f.AttemptClaimed) -> None:
        self.task, self.base, self.open = fact.task, fact.base, True
        self.taken, self.by_parts = "", fact.agent == BY_PARTS
        self.nobody = fact.agent in NOBODY
        self.question = ""
        self.root, self.start = fact.root or fact.attempt, fact.start or fact.base
        self.exit: Exit | None = None
        self.verdicts: dict[tuple[str, str], str] = {}


class CallPast:
    """A planner or a reviewer that was asked."""

    def __init__(self, task: str) -> None:
        self.task, self.open = task, True


class Judges(NamedTuple):
    config: Config
    gates: tuple[str, ...]


class History(Watch):
    """What the ledger says, held against the world as it is."""

    def __init__(self, world: World, depot: FakeDepot, launcher: FakeLauncher, judges: Judges) -> None:
        self._world, self._depot, self._launcher = world, depot, launcher
        self._config, self._gates = judges
        self.run = ""
        self.tasks: dict[str, TaskPast] = {}
        self.attempts: dict[str, AttemptPast] = {}
        self.starts: Counter[str] = Counter()
        self.calls: dict[str, CallPast] = {}
        self.landed: dict[str, str] = {}
        self.back: Counter[str] = Counter()
        """How often what a task landed was taken back."""
        self.committed: set[tuple[str, str]] = set()
        self.cancelled = False
        self.bill = self.overrun = 0.0
        """USD paid, and how much of it agents took beyond what was set aside for them."""
        self.held: dict[str, float] = {}

    def demand(self, holds: bool, broken: str) -> None:
        if not holds:
            self._world.violate(broken)

    def no(self, broken: str) -> NoReturn:
        self._world.violate(broken)

    # -- durable facts ------------------------------------------------------------------------------------------------------

    def heard(self, fact: f.Fact) -> None:
        self._world.count(str(type(fact).__struct_config__.tag))
        match fact:
            case f.RunStarted():
                self.run, self.tasks = fact.run, {}
            case f.RunFinished():
                states = {past.state for past in self.tasks.values()} - {"cancelled"}
                done = states <= {"landed", "skipped"}
                self.demand((fact.state == "finished") <= done, f"the run finished with tasks {states}")
                self._world.count(f"run {fact.state}")
            case f.TaskAdded():
                self._added(fact)
            case f.TaskLanded():
                self._landed(fact)
            case f.TargetMoved():
                for past in self.tasks.values():
                    past.commit = fact.commits.get(past.commit, past.commit)
            case f.TaskRemoved() | f.TaskFailed() | f.TaskNeedsHuman() | f.TaskReopened() | f.TaskSkipped():
                self._of_task(fact)
            case f.ReplanAsked() | f.ReviewAsked():
                self.demand(fact.attempt not in self.calls, f"{fact.attempt} is asked for twice")
                self.calls[fact.attempt] = CallPast(fact.task)
                self._hold(fact.attempt, fact.reserved)
            case f.TaskReplanned() | f.ReviewGiven():
                self._answered(fact)
            case f.QuestionAsked() | f.QuestionAnswered():
                self._of_question(fact)
            case f.AttemptClaimed() | f.AttemptExited() | f.CommitTaken() | f.VerdictGiven() | f.AttemptEnded():
                self._of_attempt(fact)

    def _of_task(self, fact: f.TaskRemoved | f.TaskFailed | f.TaskNeedsHuman | f.TaskReopened | f.TaskSkipped) -> None:
        past = self.tasks[fact.task]
        match fact:
            case f.TaskRemoved():
                self.demand(not past.open, f"{fact.task} was removed while an attempt of it is open")
                past.state = "cancelled"
            case f.TaskFailed():
                spent = past.spent >= self._config.retry.attempts or past.rejected or bool(past.undoes)
                self.demand(spent, f"{fact.task} failed with tries left: {fact.reason}")
                past.state = "failed"
            case f.TaskNeedsHuman():
                past.state = "needs_human"
            case f.TaskReopened():
                past.state, past.spent, past.rejected = "todo", 0, False
            case f.TaskSkipped():
                self.demand(past.state not in {"landed", "skipped"}, f"{fact.task} is skipped, but it is {past.state}")
                if past.open:
                    self.attempts[past.open].open = False
                past.state, past.open = "skipped", ""

    def _of_question(self, fact: f.QuestionAsked | f.QuestionAnswered) -> None:
        attempt = self.attempts[fact.attempt]
        if isinstance(fact, f.QuestionAsked):
            self.demand(attempt.open, f"a question about {fact.attempt}, which is over")
            attempt.question = fact.id
        else:
            self.demand(attempt.question == fact.id, f"an answer to {fact.id}, which nobody asked")
            attempt.question = ""

    def _added(self, fact: f.TaskAdded) -> None:
        past = self.tasks.setdefault(fact.task, TaskPast(fact))
        past.needs = fact.needs
        if past.state == "cancelled":
            past.state = "todo"

    def _landed(self, fact: f.TaskLanded) -> None:
        past = self.tasks[fact.task]
        self.demand(past.state != "landed", f"{fact.task} landed twice in the ledger")
        self.demand(past.open == fact.attempt, f"{fact.task} landed by {fact.attempt!r} while {past.open!r} is open")
        if fact.attempt:
            self.demand(past.beside or fact.task not in self.landed, f"{fact.task} landed again, in {self.run}")
            self.attempts[fact.attempt].open = False
            inside = (fact.task, fact.attempt) in self._depot.works(self._depot.tip)
            bare = self._config.evidence == "exit" or self.attempts[fact.attempt].by_parts or past.review
            self.demand(inside or bare, f"the ledger says {fact.task} landed, the target does not contain it")
            self.demand(bool(fact.commit) or bare, f"{fact.task} landed without a commit")
            self.landed[fact.task] = fact.attempt
            if inside:
                self.committed.add((fact.task, fact.attempt))
            if past.undoes:
                self.demand(inside, f"{fact.task} landed without a commit")
                self.landed.pop(past.undoes, None)
                if past.undoes in self.tasks:
                    self.tasks[past.undoes].state = "needs_human"
        past.state, past.open, past.commit = "landed", "", fact.commit

    def _of_attempt(self, fact: f.AttemptClaimed | f.AttemptExited | f.CommitTaken | f.VerdictGiven | f.AttemptEnded) -> None:
        if isinstance(fact, f.AttemptClaimed):
            return self._claimed(fact)
        name, attempt = fact.attempt, self.attempts[fact.attempt]
        self.demand(attempt.open, f"{name} is over, and yet: {fact}")
        match fact:
            case f.AttemptExited():
                self.demand(attempt.exit is None, f"{name} exited twice")
                if attempt.nobody:
                    attempt.exit = fact.exit
                    self.held.pop(name)
                    return None
                shim = self._shim(name)
                self.demand(shim is not None and not self._launcher.alive(shim), f"{name} exited, but its agent did not")
                self.demand(shim is not None and fact.exit == shim.exit, f"{name}: {fact.exit} is not how its agent ended")
                attempt.exit = fact.exit
                self._charged(name, fact.usage, fact.charged)
            case f.CommitTaken():
                attempt.taken = fact.commit
                self.demand(
                    attempt.nobody or self.tasks[fact.task].review or self._depot.attempts.get(name) == fact.commit,
                    f"{name}: what was taken is not kept",
                )
            case f.VerdictGiven(verdict=said):
                attempt.verdicts[said.gate, said.commit] = said.verdict
                if said.gate not in self._gates:
                    return None
                truth = "pass" if good(said.gate, self._depot.commits[said.commit].tree) else "fail"
                self.demand(said.verdict in (truth, "error"), f"{said.gate} said {said.verdict} of {said.commit}: {truth}")
                self._world.count(f"verdict {said.verdict}")
            case f.AttemptEnded():
                inside = (fact.task, name) in self._depot.works(self._depot.tip)
                self.demand(not inside, f"{name} ended as {fact.outcome}, and its work is on the target")
                self.demand(
                    attempt.exit is not None or not self.starts[name], f"{name} ended, but its agent's end was never recorded"
                )
                asked = bool(attempt.question) and fact.outcome != "interrupted"  # he did it himself, or took it out of the spec
                self.demand(not asked, f"{name} ended as {fact.outcome} while a person is asked about it")
                attempt.question = ""
                self._world.count(f"ended {fact.outcome}")
                attempt.open, self.tasks[fact.task].open = False, ""
                self.held.pop(name, None)
                self.tasks[fact.task].spent += fact.outcome in _SPENT
                self.tasks[fact.task].rejected |= fact.outcome == "rejected"
        return None

    def _answered(self, fact: f.TaskReplanned | f.ReviewGiven) -> None:
        name, call, shim = fact.attempt, self.calls[fact.attempt], self._shim(fact.attempt)
        self.demand(call.open, f"{name} has answered twice")
        call.open = False
        self.demand(shim is None or not self._launcher.alive(shim), f"{name} has answered, but it goes on")
        self.demand(shim is not None or fact.exit.cause == "not_started", f"{name} has answered, but it never began")
        if shim is None:
            self.held.pop(name)
        else:
            self._charged(name, fact.usage, fact.charged)
        if isinstance(fact, f.ReviewGiven):
            self.attempts[fact.of].verdicts[fact.verdict.gate, fact.verdict.commit] = fact.verdict.verdict
        elif fact.decision != "give_up":
            past = self.tasks[fact.task]
            past.spent, past.needs = 0, past.needs + fact.parts

    def _charged(self, name: str, usage: Usage, charged: Usage) -> None:
        reported, reserved = self.usage(name), self.held.pop(name)
        same = (usage.input_tokens, usage.output_tokens) == (reported.input_tokens, reported.output_tokens)
        cost = (usage.cost_usd is None) == (reported.cost_usd is None) and isclose(usage.cost_usd or 0.0, reported.cost_usd or 0.0)
        self.demand(same and cost, f"{name} used {reported}, recorded is {usage}")
        owed = reported.cost_usd if reported.cost_usd is not None else reserved
        self.demand(isclose(charged.cost_usd or 0.0, owed, abs_tol=1e-9), f"{name} owes {owed}, charged is {charged}")
        self.bill += owed
        self.overrun += max(0.0, owed - reserved)

    def _hold(self, name: str, reserved: Usage) -> None:
        """Money is set aside before a call, never more than there is."""
        self.held[name] = reserved.cost_usd or 0.0
        if (cap := self._config.budget.total_usd) is not None:
            spent = self.bill - self.overrun + sum(self.held.values())
            self.demand(reserved.cost_usd == self._config.budget.reserve_usd, f"for {name} {reserved} is set aside")
            self.demand(spent <= cap + 1e-9, f"{name} is claimed with {spent:g} of {cap:g} USD paid or set aside")
            self.demand(self.bill < cap, f"{name} is claimed with {self.bill:g} of {cap:g} USD paid")

    def _claimed(self, fact: f.AttemptClaimed) -> None:
        past = self.tasks[fact.task]
        self.demand(past.state == "todo" and not past.open, f"{fact.attempt} claimed: {past.state}, open: {past.open!r}")
        self.demand(fact.attempt not in self.attempts, f"{fact.attempt} claimed twice")
        self.demand(fact.number == past.attempts + 1, f"{fact.attempt} follows attempt {past.attempts}")
        base = {task for task, _ in self._depot.works(fact.base)}
        for need in past.needs:
            if (wanted := self.tasks.get(need)) and wanted.state != "cancelled":
                self.demand(wanted.state in {"landed", "skipped"}, f"{fact.attempt} claimed, but {need} is {wanted.state}")
                carried = wanted.state == "skipped" or not wanted.commit or self._config.evidence == "exit" or need in base
                self.demand(carried, f"{fact.attempt} is based on {fact.base}, without {need}")
        if fact.resumes:
            before = [other for other, one in self.attempts.items() if one.root == fact.root]
            self.demand(bool(before), f"{fact.attempt} goes on with a session nobody began")
            last = self.attempts[before[-1]]
            self.demand(not last.open and last.base == fact.base, f"{fact.attempt} goes on with {before[-1]} from another base")
            self.demand(
                fact.start in (self._depot.attempts.get(before[-1]), last.start), f"{fact.attempt} does not start where it was left"
            )
        past.attempts, past.open = fact.number, fact.attempt
        if fact.agent in NOBODY:
            self.held[fact.attempt] = 0.0
        else:
            self._hold(fact.attempt, fact.reserved)
        self.attempts[fact.attempt] = AttemptPast(fact)

    # -- what hands are asked for -------------------------------------------------------------------------------------------

    def landing(self, commit: Commit, expected: str) -> None:
        stack = [commit]
        while stack[0].parents[0] != expected:
            below = self._depot.commits[stack[0].parents[0]]
            self.demand(below.landed is not None, f"{commit.id} is to land on {expected} but does not stand on it")
            stack.insert(0, below)
        self._world.count("landed alone" if len(stack) == 1 else "landed together")
        self._proven(commit, expected)
        for one, base in zip(stack, [expected, *(below.id for below in stack)], strict=False):
            self._lands(one, base)

    def _proven(self, commit: Commit, expected: str) -> None:
        """The target becomes what every gate said yes to; or it was said before it moved elsewhere, and that is to be enough."""
        task, by = commit.landed or ("", "")
        if not by or self.attempts[by].by_parts or not (self._config.evidence == "commit" or self.tasks[task].beside):
            return
        said = self.attempts[by].verdicts
        judged = {name for (gate, name), word in said.items() if gate in self._gates and word == "pass"}
        proven = {name for name in judged if all(said.get((gate, name)) == "pass" for gate in self._gates)}
        if self._config.rejudge == "always" or commit.id in proven:
            self.demand(commit.id in proven, f"{commit.id} is to land, and gates said {said} of it")
            return
        self._world.count("not judged again")
        mine = {path for path in self._depot.changed(commit.parents[0], commit.id) if path != SPEC}
        apart = any(mine.isdisjoint(set(self._depot.changed(self._depot.commits[name].parents[0], expected))) for name in proven)
        self.demand(apart, f"{commit.id} was judged as {proven}, and what it touches moved since")

    def _lands(self, commit: Commit, expected: str) -> None:
        name, landed = commit.id, commit.landed
        if landed is None:
            self.no(f"{name} is to land and belongs to no task")
        task, by = landed
        before = Counter(name for name, _ in self._depot.works(expected))
        again = before[task] > self.back[task] and not self.tasks[task].beside  # those have a name of their own in each run
        self.demand(not again, f"{task} is to land a second time, as {name}")
        undone = self.tasks[task].undoes if task in self.tasks else ""
        self.back[undone] += bool(undone)
        attempt = self.attempts[by]
        self.demand(attempt.open and attempt.exit is not None and attempt.exit.ok, f"{name} is to land for {by}, which is not fit")
        self.demand(CHEAT not in commit.tree, f"{name} is to land, and fools its gate")
        old = self._depot.commits[expected].tree
        if (self._config.evidence == "commit" or self.tasks[task].beside) and not attempt.by_parts:
            asked = [f"review/{role}" for role in self._config.review.roles if self._config.review.policy == "required"]
            asked += ["human"] if self._config.approval.tasks == "all" else []
            for judge in [] if undone or self.tasks[task].review else asked:
                said = attempt.verdicts.get((judge, attempt.taken))
                self.demand(said == "pass", f"{name} is to land, and {judge} said {said} of {attempt.taken}")
        else:
            self.demand(self._depot.changed(expected, name) == (SPEC,), f"{name} is to land more than a tick")
        if SPEC in old:
            wanted = spec.mark(old[SPEC], undone or task, "todo" if undone else "done", not undone) or old[SPEC]
            self.demand(commit.tree.get(SPEC) == wanted, f"{name} does not just tick {task} in the spec")

    def replaying(self, tip: Commit) -> None:
        if all(good(gate, self._depot.commits[tip.parents[0]].tree) for gate in self._gates):
            bad = [gate for gate in self._gates if not good(gate, tip.tree)]
            self._world.count("replay red" if bad else "replay green")

    def starting(self, name: str) -> None:
        attempt = self.attempts.get(name)
        self.starts[name] += 1
        if attempt is None:
            self.no(f"{name} starts before its claim is durable")
        self.demand(self.starts[name] == 1, f"{name} is paid twice")
        self.demand(attempt.open and attempt.exit is None, f"{name} starts again although it is over")
        space = self._depot.workspaces[attempt.root]
        self.demand(space.base == attempt.start, f"{name} starts on another commit than was recorded")
        others = [s for s in self._agents() if self._launcher.alive(s) and self.attempts[s.name].task == attempt.task]
        self.demand(not others, f"two attempts of {attempt.task} run at once")
        self.demand(not self.cancelled, f"{name} starts after everything was told to end")

    def asking(self, name: str) -> None:
        call = self.calls.get(name)
        self.starts[name] += 1
        self.demand(call is not None and call.open, f"{name} is asked, and that is not on record")
        self.demand(self.starts[name] == 1, f"{name} is paid twice")

    def clearing(self, name: str) -> None:
        users = [attempt for attempt, past in self.attempts.items() if past.root == name and past.open]
        self.demand(not any(self.starts[user] for user in users), f"the workspace of {users} is wiped after its agent began")

    def emptying(self, name: str) -> None:
        self._launcher.catch_up()
        alive = [shim for shim in self._launcher.shims.values() if shim.place == name and self._launcher.alive(shim)]
        busy = [shim.name for shim in alive if not (shim.told and name.endswith(".gate"))]
        self.demand(not busy, f"{name} is touched while {busy} runs in it")

    def discarding(self, name: str) -> None:
        if name.endswith(".gate") or name in self.calls:
            return
        space = self._depot.workspaces[name]
        users = [attempt for attempt, past in self.attempts.items() if past.root == name]
        if any(task.review for user in users if (task := self.tasks.get(self.attempts[user].task))):
            return
        kept = [self._depot.tree(self._depot.attempts[user]) for user in users if user in self._depot.attempts]
        same = space.tree == self._depot.commits[space.base].tree
        self.demand(same or space.tree in kept, f"the work of {name} is thrown away")

    def spending(self, name: str, usd: float) -> None:
        """A request of a call is let out: only while there is money, and of each call only one may be more than that."""
        self.demand(name in self.held, f"{name} asks its model for something, and nothing is set aside for it")
        if (cap := self._config.budget.total_usd) is not None:
            unsettled = sum(self._metered(call).cost_usd or 0.0 for call in self.held)
            self.demand(self.bill + unsettled < cap, f"{name} spends {usd} of {cap}, with {self.bill + unsettled} spent")

    def _metered(self, name: str) -> Usage:
        meter = self._launcher.meter
        return meter.usage(name) if meter is not None and meter.used.get(name) else Usage()

    def usage(self, name: str) -> Usage:
        """What an attempt's agent really used."""
        shim = self._shim(name)
        if (metered := self._metered(name)) != Usage():
            return metered
        return shim.report.usage if shim else Usage()

    def _agents(self) -> list[Shim]:
        return [shim for shim in self._launcher.shims.values() if not shim.place.endswith(".gate") and shim.place not in self.calls]

    def _shim(self, name: str) -> Shim | None:
        return next((shim for shim in self._launcher.shims.values() if shim.name == name), None)
