"""One seed, one story: engines live and die on a world that goes on without them; then the storm ends and all must come right."""

from __future__ import annotations

import asyncio
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from chargehand.engine.crew import Crew
from chargehand.engine.runner import Runner
from chargehand.engine.steering import forget
from chargehand.model.config import ApprovalConfig, BudgetConfig, Config, RetryConfig, ReviewConfig, TimeoutConfig
from chargehand.model.errors import EnvironmentProblem, NeedsHuman, SpecProblem
from chargehand.model.facts import Event
from chargehand.plan.board import Board
from chargehand.service.running import Order, Report, _run

from . import spec
from .agents import HOT, HOT_LINES, SPEC, FakeAgent, FakeGate, FakeInspector
from .depot import FakeDepot
from .history import History, Judges
from .launcher import FakeLauncher
from .loop import live
from .meter import FakeMeter
from .source import FakeSource
from .store import FakeStore
from .user import User
from .world import Crash, FakeClock, Violation, World

P = ParamSpec("P")
T = TypeVar("T")

ALL = Order(every=True)
WATCH = Order(every=True, watch=True)
_CALM_LIVES = 6


def _surroundings(home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    return {}


class Broken(AssertionError):
    """A promise was broken under a seed."""


def simulate(seed: int, place: Path, trace: Callable[[str], None] | None = None) -> Counter[str]:
    """Play the story of a seed in ``place`` (an empty folder is made and removed there). Raises :class:`Broken`."""
    world = World(seed, trace)
    folder = place / f"seed-{seed}"
    try:
        Story(world, folder).play()
    except Violation as broken:
        raise Broken(f"seed={seed}: {broken}\nreproduce: python bench/sim.py --seed {seed} --trace") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    world.tally["steps"] = world.steps
    world.tally["lives"] = world.lives
    return world.tally


class Story:
    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.rng = world, world.rng
        pick, crowded = self.rng.choice, world.crowded
        review = pick(
            (ReviewConfig(),) * 3
            + (ReviewConfig(policy=pick(("advisory", "required")), roles=["quality", "docs"], agents=["other"], rounds=2),)
        )
        self.config = Config(
            agent="fake",
            jobs=8 if crowded else self.rng.randint(1, 4),
            target="main",
            landing=pick(("squash", "merge")),
            evidence=pick(("commit",) * 7 + ("exit",)),
            retry=RetryConfig(
                attempts=self.rng.randint(1, 3),
                wait_seconds=2.0,
                planner=pick(("", "", "other")),
                escalate=pick(([], [], ["other"])),
                session=pick(("same", "same", "fresh")),
            ),
            review=msgspec.structs.replace(review, independent=world.chance(0.25), commit=world.chance(0.3)),
            approval=pick(
                (ApprovalConfig(),) * 3
                + (
                    ApprovalConfig(
                        tasks="all", timeout_minutes=pick((0.0, 0.5)), otherwise=pick(("wait", "approve", "reject", "skip"))
                    ),
                )
            ),
            group=pick((1, 2, 8, 8)) if not crowded else 8,
            rejudge=pick(("always",) * 4 + ("overlap",)),
            on_failure=pick(("skip", "skip", "stop", "ask")),
            max_consecutive_failures=pick((0, 0, 2)),
            budget=pick(
                (BudgetConfig(),) * 3
                + (BudgetConfig(total_usd=pick((0.5, 2.0)), task_usd=pick((None, 0.7)), reserve_usd=pick((0.05, 0.3))),)
            ),
            timeouts=TimeoutConfig(
                task_minutes=0.2, stall_minutes=0.1, session_minutes=pick((0.0, 0.0, 0.0, 0.2)), idle_minutes=0.3
            ),
        )
        self.watches = world.chance(0.2)
        self.root, self.state = folder / "project", folder / "state"
        text = spec.first(self.rng, 12, (0,)) if crowded else spec.first(self.rng, pick((2, 3, 4, 5, 6, 8)))
        files = {HOT: "\n".join(f"line {number}" for number in range(HOT_LINES)), "README": "read\n"}
        (self.root / "spec").mkdir(parents=True)
        self.file: Path | None = None
        if world.chance(0.1):
            self.file = self.root / SPEC
            self.file.write_text(text)
        else:
            files[SPEC] = text
        gates = ("tests",) if world.chance(0.6) else ("lint", "tests")
        self.depot = FakeDepot(world, self.state, files)
        self.store = FakeStore(world)
        self.launcher = FakeLauncher(world, self.depot)
        self.agent = self.launcher.agent = FakeAgent(world, self.config, lambda place: self.launcher.shims[place].report)
        self.other = FakeAgent(world, self.config, lambda place: self.launcher.shims[place].report, "other")
        self.other.resumes = self.agent.resumes
        self.meter = self.launcher.meter = FakeMeter(world) if world.chance(0.3) else None
        if self.meter is not None:
            self.agent.api = self.other.api = "anthropic"
            self.meter.catch_up = self.launcher.spend
        self.gates = tuple(FakeGate(world, gate, self.depot, self.launcher.run) for gate in gates)
        self.history = self.depot.watch = History(world, self.depot, self.launcher, Judges(self.config, gates))
        self.store.heard = self.history.heard
        if self.meter is not None:
            self.meter.may_spend = self.history.spending
        self.user = User(world, self.depot, self.store, self.launcher, self.history, self.file)
        self.runner: Runner | None = None
        world.user_acts, world.on_crash = self.user.act, self.launcher.crashed

    def play(self) -> None:
        """The storm, then the calm."""
        for _ in range(self.rng.randint(1, 7)):
            self.life()
            self.world.now += self.rng.choice((0.0, 0.5, 3.0, 20.0))
            while self.world.chance(self.world.user_rate * 10):
                self.user.act()
        self.calm()

    def calm(self) -> None:
        """No more faults: the work comes to an end, and after that there is nothing left to do."""
        self.world.storm, self.world.skew = False, 0.0
        self.world.note("calm")
        self.config = msgspec.structs.replace(
            self.config, timeouts=msgspec.structs.replace(self.config.timeouts, session_minutes=0.0)
        )  # fmt: skip
        self.user.tidy()
        for _ in range(_CALM_LIVES):
            if report := self.life():
                break
        else:
            self.world.violate(f"no run came to its end in {_CALM_LIVES} tries without any fault")
        self.settled(report)
        paid, halted = sum(self.history.starts.values()), self._halted()
        self.watches = False
        if (again := self.life()) is None:
            self.world.violate("a run with nothing left to do did not end")
        self.settled(again)
        if sum(self.history.starts.values()) != paid and not halted:
            self.world.violate("a run with nothing left to do paid for an agent")
        self.accounts()

    # -- one engine ---------------------------------------------------------------------------------------------------------

    def life(self) -> Report | None:
        """One engine, from its start to its end or its death. None when it died, or gave up for a reason it may give up for."""
        order = WATCH if self.watches and self.world.chance(0.5) else ALL
        self.source = FakeSource(self.world, self.user)
        if self.meter is not None:
            self.meter.greeted()
        if order.watch:
            self.world.count("watch")
        world, faults = self.world, self.world.faults
        world.lives += 1
        world.note("life", world.lives)
        self.history.cancelled, self.heard = False, len(self.store.log)
        try:
            forget(self.store)
            report = live(world, _run(self.config, self._crew(), order, self.source, self))
        except Crash:
            world.dead = False
            return None
        except EnvironmentProblem as problem:
            world.note("gave up", problem)
            if world.faults == faults:
                world.violate(f"gave up without a fault: {problem}")
            return None
        except NeedsHuman as problem:
            world.note("gave up", problem)
            world.count("needs the user")
            if not world.storm or world.chance(0.5):
                self.user.repair()
            return None
        except SpecProblem as problem:
            world.note("gave up", problem.problems)
            world.count("spec broken")
            self._rewrite()
            return None
        except Exception:
            world.violate(f"a bug: {traceback.format_exc()}")
        finally:
            self.user.runner = None
        if world.violations:
            world.violate(world.violations[0])
        world.note("end", report.end)
        self._same_board(report)
        return report

    def _crew(self) -> Crew:
        return Crew(
            root=self.root,
            state=self.state,
            config=self.config,
            spec=spec.read(self.user.text(), SPEC),
            clock=FakeClock(self.world),
            store=self.store,
            launcher=self.launcher,
            depot=self.depot,
            agent=self.agent.name,
            agents={self.agent.name: self.agent, self.other.name: self.other},
            gates=self.gates,
            ambient={},
            surroundings=_surroundings,
            offload=self._offload,
            inspectors=(FakeInspector(),),
            meter=self.meter,
        )

    async def _offload(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """A call on a thread: it takes its time, and others do something meanwhile. It is made also when nobody waits any more."""
        world, name = self.world, getattr(function, "__name__", "call")
        if world.storm and world.chance(world.delay_rate):
            try:
                await asyncio.sleep(world.rng.choice((0.0, 0.01, 0.3)))
            except asyncio.CancelledError:
                with suppress(Exception):
                    world.act(name, function, *args, **kwargs)
                raise
        result = world.act(name, function, *args, **kwargs)
        if world.storm and world.chance(world.delay_rate):
            await asyncio.sleep(world.rng.choice((0.0, 0.01, 0.3)))
        return result

    # -- the port ``Viewer`` ------------------------------------------------------------------------------------------------

    def begin(self, runner: Runner) -> None:
        self.runner = self.user.runner = self.source.runner = runner

    def note(self, message: str) -> None:
        self.world.note("says", message)

    def hear(self, event: Event) -> None:
        self.heard += 1
        if event.seq != self.heard or event.seq > len(self.store.log):
            self.world.violate(f"doors hear of event {event.seq} when it is the turn of {self.heard}")

    def _rewrite(self) -> None:
        """A spec that two people edited until it cannot be read any more is written anew."""
        text = spec.first(self.rng, 2)
        self.user.meddled.update(spec.ids(text))
        if self.file:
            self.file.write_text(text)
        else:
            self.depot.user = self.depot.commit(
                (self.depot.user,), {**self.depot.tree(self.depot.user), SPEC: text}, "user: a new spec"
            )

    # -- afterwards ---------------------------------------------------------------------------------------------------------

    def _same_board(self, report: Report) -> None:
        """An engine that starts anew stands where the last one stood; the tables say the same."""
        if report.unrecorded:  # nothing was to do, so there is no run it could differ from: but all of it must be done
            if not all(card.done for card in report.all_cards):
                self.world.violate("told that there is nothing to do, while something is")
            # Tasks that a user added as done are known to the spec alone.
            self.user.meddled |= {card.id for card in report.all_cards} - self.history.tasks.keys()
            return
        run = self.store.runs[-1].id
        board = Board()
        for event in self.store.events(run):
            board.apply(event.fact, event.at)
        for card in report.all_cards:
            folded, row = board.cards[card.id], self.store.tasks[run, card.id]
            one = (card.state, card.attempts, card.commit, card.usage, len(card.failures), card.needs)
            if one != (folded.state, folded.attempts, folded.commit, folded.usage, len(folded.failures), folded.needs):
                self.world.violate(f"{card.id}: the board says {one}, its events say {vars(folded)}")
            if (row.state, row.attempts, row.commit, row.needs) != (card.state, card.attempts, card.commit, card.needs):
                self.world.violate(f"{card.id}: the board says {one}, its row says {row}")

    def _halted(self) -> bool:
        """Whether the last engine may leave tasks undone: no money, or an agent only a person can mend."""
        return bool(self.runner and (self.runner.steering.halted or self.runner._dispatch.barred))

    def settled(self, report: Report) -> None:
        """Every task has landed, failed, needs a person, or waits for one of these."""
        world, states = self.world, {card.id: card.state for card in report.all_cards}
        if self._halted():
            return
        stuck = {"failed", "needs_human"}
        for card in sorted(report.all_cards, key=lambda card: card.order):
            waits = [need for need in card.needs if states.get(need, "landed") not in ("landed", "skipped")]
            if card.state not in ("landed", "skipped", *stuck) and not (card.state == "todo" and waits):
                world.violate(f"{card.id} is {card.state} and waits for nothing: {card.reason}")
        if alive := [shim.name for shim in self.launcher.shims.values() if self.launcher.alive(shim) and not shim.told]:
            world.violate(f"the run is over and {alive} goes on")
        if any(state == "landed" for state in states.values()) and self.depot.user != self.depot.tip:
            world.violate("the checkout is clean and landed work was not delivered")

    def accounts(self) -> None:
        """Once it is all over: what was paid, what was kept, what is on the target."""
        world, history, depot = self.world, self.history, self.depot
        charged = Counter(charge.attempt for charge in self.store.charges)
        for name, past in history.attempts.items():
            if (past.exit is None) != (charged[name] == 0) or charged[name] > 1:
                world.violate(f"{name} was charged {charged[name]} times")
        for name, call in history.calls.items():
            if call.open or charged[name] != 1:
                world.violate(f"{name} was charged {charged[name]} times, and is{'' if call.open else ' not'} open")
        for name, past in history.attempts.items():
            if past.open and not past.question:
                world.violate(f"{name} is still open")
        for charge in self.store.charges:
            if charge.measured != history.usage(charge.attempt).measured:
                world.violate(f"{charge.attempt} was charged {charge}")
        if abs(sum(charge.usage.cost_usd or 0.0 for charge in self.store.charges) - history.bill) > 1e-6:
            world.violate(f"the charges do not add up to {history.bill}")
        on_target = depot.works(depot.tip)
        told = history.committed
        if self.config.evidence == "commit" and on_target != told:
            world.violate(f"on the target: {on_target}, in the ledger: {told}")
        self._left()
        self._ticks()

    def _left(self) -> None:
        """What the engine leaves: on the target all that it says, in the work folder nothing that is not under way."""
        world, history, depot = self.world, self.history, self.depot
        below = depot.commits[depot.tip].ancestors
        used = {past.root for past in history.attempts.values() if past.open}
        if left := depot.workspaces.keys() - used:
            world.violate(f"workspaces were left: {sorted(left)}")
        said = {task: past.commit for task, past in history.tasks.items() if past.state == "landed" and past.commit}
        squashed = frozenset().union(*(works for name, works in depot.squashed.items() if name in below))
        lost = [task for task, commit in said.items() if commit not in below and depot.commits[commit].landed not in squashed]
        if lost and self.config.evidence == "commit":  # else it may be no more than a tick, which he made himself
            world.violate(f"{lost} landed as commits that are not on the target")

    def _ticks(self) -> None:
        text = self.file.read_text() if self.file else self.depot.tree(self.depot.tip).get(SPEC, "")
        ticked, there = spec.done(text), set(spec.ids(text))
        landed = {task for task, past in self.history.tasks.items() if past.state == "landed"}
        skipped = {task for task, past in self.history.tasks.items() if past.state == "skipped"}  # he may tick what he skipped
        if wrong := (ticked ^ landed & there) - self.user.meddled - skipped:
            self.world.violate(f"ticked: {sorted(ticked)}, landed: {sorted(landed & there)}, wrong: {sorted(wrong)}")
