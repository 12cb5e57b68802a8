"""Running a spec: check everything that can be checked for nothing, then take up or open the run, then let the engine work."""

from __future__ import annotations

import asyncio
import difflib
import getpass
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from chargehand import __version__
from chargehand.engine import steering
from chargehand.engine.crew import Crew
from chargehand.engine.ledger import Ledger
from chargehand.engine.runner import Runner
from chargehand.engine.specfile import Source
from chargehand.model.config import BudgetConfig, Config
from chargehand.model.errors import ChargehandError, EnvironmentProblem, Problem, UsageProblem
from chargehand.model.facts import (
    BudgetChanged,
    Event,
    Fact,
    RunContinued,
    RunFinished,
    RunStarted,
    TaskAdded,
    TaskLanded,
    TaskRemoved,
    TaskReopened,
    TaskSkipped,
)
from chargehand.model.task import Spec, Task
from chargehand.plan.board import Board
from chargehand.plan.cards import Card
from chargehand.ports import Clock, Depot, Store
from chargehand.process.lock import ProjectLock
from chargehand.service import beside, forecasting, integrating, specs
from chargehand.service.project import Project


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for: everything (``every``), one task (``task``), or the next one that is ready. ``reopen``: a task to be
    tried again although it failed. ``undo``: a task whose landed work is to be taken back. ``review``: all that
    landed is to be reviewed. ``watch``: stay when
    nothing is to do, for what becomes ready."""

    every: bool = False
    task: str = ""
    reopen: str = ""
    undo: str = ""
    review: bool = False
    watch: bool = False


class Hands(NamedTuple):
    """What the wiring provides, made when it is asked for: nothing appears on disk before the checks are over. ``depot`` is
    asked for with the branch to land on. ``notes``: what is to be said before it begins."""

    preflight: Callable[[], Sequence[Problem]]
    store: Callable[[], Store]
    depot: Callable[[str], Depot | None]
    crew: Callable[[Store, Depot | None], Crew]
    clock: Clock
    notes: Callable[[], Sequence[str]] = tuple


class Report(NamedTuple):
    """How a run ended, for the door: ``asked`` are the cards that were asked for, ``all_cards`` every card. ``unrecorded`` is the
    end when there was nothing to do, so that no run was opened."""

    end: RunFinished
    asked: list[Card]
    all_cards: list[Card]
    unrecorded: Event | None = None

    @property
    def exit_code(self) -> int:
        """DESIGN section 6: 0 done, 1 work failed, 4 needs a human, 130 interrupted."""
        states = {card.state for card in self.asked}
        if self.end.state == "interrupted":
            return 130
        if "failed" in states:
            return 1
        if "needs_human" in states:
            return 4
        return 0 if all(card.done for card in self.asked) else 1


class Viewer(Protocol):
    """Who shows the run and steers it."""

    def begin(self, runner: Runner) -> None:
        """The engine is about to work; ``runner.steering`` is what steers it."""

    def hear(self, event: Event) -> None:
        """A fact is durable."""

    def note(self, message: str) -> None:
        """Something to say that is no fact of the run."""


def run(project: Project, config: Config, spec: Spec, hands: Hands, order: Order, view: Viewer, command: str) -> Report:
    """Run, and come back when nothing can move any more.

    Raises SpecProblem, ConfigProblem, EnvironmentProblem, Locked and UsageProblem before anything was changed or paid.
    """
    preflight(hands)
    _known(spec, order)
    project.prepare()
    with ProjectLock(project.lock, command=command):
        store = hands.store()
        try:
            steering.forget(store)
            branch = integrating.begin(project, config, spec, store)
            depot = hands.depot(branch or config.target)
            try:
                source = SpecSource(project, config, spec)
                for said in hands.notes():
                    view.note(said)
                crew = hands.crew(store, depot)
                if branch:
                    crew.into, crew.config = config.target, msgspec.structs.replace(config, target=branch)
                if order.every and store.open_run() is None:
                    forecasting.at_start(project, config, spec, store.new_run_id())
                report = asyncio.run(_run(crew.config, crew, order, source, view))
                if branch and report.unrecorded:
                    integrating.drop(project, config, report.end.run)
                return report
            finally:
                if depot is not None:
                    depot.close()
        finally:
            store.close()


def preflight(hands: Hands) -> None:
    """Raises EnvironmentProblem with all that is missing before anything can run."""
    problems = tuple(hands.preflight())
    if problems:
        count = f"{len(problems)} things are missing" if len(problems) > 1 else problems[0].message
        raise EnvironmentProblem(f"cannot run: {count}", hint=problems[0].hint if len(problems) == 1 else "", problems=problems)


def _known(spec: Spec, order: Order) -> None:
    for wanted in filter(None, (order.task,)):
        if spec.task(wanted) is None:
            near = difflib.get_close_matches(wanted, [task.id for task in spec.tasks], n=1)
            hint = f"did you mean {near[0]}?" if near else f"{spec.path} holds {len(spec.tasks)} tasks: chargehand status"
            raise UsageProblem(f"there is no task {wanted} in {spec.path}", hint=hint)


async def _run(config: Config, crew: Crew, order: Order, source: Source | None, view: Viewer) -> Report:
    board = Board()
    open_run = crew.store.open_run()
    run_id = open_run.id if open_run else crew.store.new_run_id()
    pinned: dict[str, object] | None = None
    if open_run:
        for event in crew.store.events(run_id):
            board.apply(event.fact, event.at)
            if isinstance(event.fact, RunStarted | RunContinued):
                pinned = event.fact.config
        board.forget_changes()
    board.run = run_id
    opening = [_opening(config, crew, run_id, continued=open_run is not None)]
    if pinned is not None and (before := _pinned(pinned)):
        opening += _changed_caps(before, config)
    if open_run:
        opening += reconcile(board, crew.spec, {})
    else:
        opening += reconcile(board, crew.spec, crew.store.landed_before(), crew.store.skipped_before())
    again = board.cards.get(order.reopen)
    if again and again.state in {"failed", "needs_human", "skipped"} and again.attempt is None:
        opening.append(TaskReopened(task=order.reopen, by=operator()))
    opening += _money_again(board, opening)
    opening = [crew.redactor.facts(fact) for fact in opening]
    now = crew.clock.now()
    for fact in opening:
        board.apply(fact, now)
    board.open()
    among = beside.begin(board, order.undo, order.review, operator(), opening, now) or _scope(
        board, order
    )  # the last thing that may be refused: nothing is recorded yet
    cards = [card for card in board.cards.values() if card.state != "cancelled"]
    wanted = {order.task, order.reopen}
    by_hand = {task.id for task in crew.spec.tasks if task.manual and task.id not in wanted}
    asked = [card for card in cards if card.id not in by_hand]
    if open_run is None and not order.watch and all(card.done for card in asked) and not _pending(crew.depot):
        end = RunFinished(run=run_id, state="finished", reason=f"all {len(cards)} tasks landed before: nothing to do")
        return Report(end, asked, cards, unrecorded=Event(0, now, run_id, end))
    ledger = Ledger(crew.store, board, crew.clock, run_id, crew.redactor)
    ledger.subscribe(view.hear)
    ledger.enter(opening, now)
    if isinstance(source, SpecSource):
        source.board = board
    runner = Runner(crew, ledger, among=among, source=source, watch=order.watch, tell=view.note)
    view.begin(runner)
    try:
        end = await runner.run()
    finally:
        await crew.launcher.close()
    cards = runner.cards
    asked = [card for card in cards if (among is None or card.id in among) and (card.done or card.id not in by_hand)]
    return Report(end, asked, cards)


def _pending(depot: Depot | None) -> bool:
    """Whether landed work still waits to be taken over by the user's branch."""
    if depot is None:
        return False
    seen = depot.refresh()
    return seen.tip != seen.user_tip


def _opening(config: Config, crew: Crew, run_id: str, *, continued: bool) -> Fact:
    settings: dict[str, Any] = msgspec.to_builtins(config)
    pinned: dict[str, Any] = {
        "run": run_id,
        "spec_digest": crew.spec.digest,
        "agent": crew.agent,
        "jobs": config.jobs,
        "version": __version__,
        "operator": operator(),
        "config": settings,
    }
    if continued:
        return RunContinued(**pinned)
    return RunStarted(**pinned, spec=crew.spec.path, target=config.target, base="")


def _pinned(config: dict[str, object]) -> Config | None:
    """The settings an earlier engine ran with; None when this version cannot read them."""
    try:
        return msgspec.convert(config, Config)
    except msgspec.ValidationError:
        return None


def _changed_caps(before: Config, now: Config) -> list[Fact]:
    """Raising a cap is an act somebody did: it is recorded."""
    pairs = [(cap, getattr(before.budget, cap), getattr(now.budget, cap)) for cap in BudgetConfig.__struct_fields__]
    return [BudgetChanged(cap=cap, old=old, new=new, by=operator()) for cap, old, new in pairs if old != new]


def _money_again(board: Board, opening: Sequence[Fact]) -> list[Fact]:
    """Tasks that were stopped by a cap of their own are open again when a cap was changed."""
    if not any(isinstance(fact, BudgetChanged) for fact in opening):
        return []
    stopped = [card.id for card in board.cards.values() if card.state == "needs_human" and " budget: " in card.reason]
    return [TaskReopened(task=task, by="a changed budget") for task in stopped]


class SpecSource:
    """The user's files, looked at again while an engine works. ``board`` is set when there is one."""

    def __init__(self, project: Project, config: Config, spec: Spec) -> None:
        self._project, self._config = project, config
        self._files: tuple[str, ...] = (config.spec, *spec.all_files())
        self._spec_seen, self._settings_seen = self._marks(), _mark(project.config)
        self.board: Board | None = None

    def changed_spec(self) -> tuple[Spec, list[Fact]] | None:
        """See ``engine.runner.Source``. A spec that cannot be used is left alone until it can."""
        seen = self._marks()
        if seen == self._spec_seen or self.board is None:
            return None
        self._spec_seen = seen
        try:
            spec = specs.read(self._project, self._config.spec, self._config.format)
        except (ChargehandError, OSError):
            return None
        self._files = (self._config.spec, *spec.all_files())
        return spec, reconcile(self.board, spec, {})

    def _marks(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_mark(self._project.root / path) for path in self._files)

    def changed_settings(self) -> bool:
        """See ``engine.runner.Source``."""
        return _mark(self._project.config) != self._settings_seen


def _mark(path: Path) -> tuple[int, int, int]:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def reconcile(
    board: Board, spec: Spec, landed_before: Mapping[str, str], skipped_before: Collection[str] = frozenset()
) -> list[Fact]:
    """What the spec says now against what the board holds. A task is known by its id."""
    recorded: list[Fact] = []
    for order, task in enumerate(spec.tasks):
        card = board.cards.get(task.id)
        fact = added(task, order)
        if card is None:
            if task.id in landed_before:
                fact = msgspec.structs.replace(fact, done=False)  # that it is done, and how, is said by the next one
                recorded += [fact, TaskLanded(task=task.id, commit=landed_before[task.id])]
            elif task.id in skipped_before and task.status != "done":
                recorded += [fact, TaskSkipped(task=task.id, by="you, in an earlier run")]
            else:
                recorded.append(fact)
            continue
        if card.state == "cancelled" or _differs(card, fact):
            recorded.append(fact)
        if task.status == "done" and not (card.done or card.undone) and card.attempt is None and card.planning is None:
            recorded.append(TaskLanded(task=task.id))
    known = {task.id for task in spec.tasks}
    recorded += [
        TaskRemoved(task=card.id)
        for card in board.cards.values()
        if _whole(board, card) not in known
        and not card.kind
        and card.attempt is None
        and card.planning is None
        and not card.done
        and card.state != "cancelled"
    ]
    return recorded


def _whole(board: Board, card: Card) -> str:
    """The task of the spec that a card is, or is a part of, however often it was split."""
    while card.part_of:
        card = board.cards[card.part_of]
    return card.id


def added(task: Task, order: int) -> TaskAdded:
    return TaskAdded(
        task=task.id,
        order=order,
        title=task.title,
        priority=task.priority,
        digest=task.digest,
        needs=task.needs,
        estimate_hours=task.estimate_hours,
        milestone=task.milestone,
        tags=tuple(" ".join(tag.split()) for tag in task.tags),
        done=task.status == "done",
    )


def _differs(card: Card, fact: TaskAdded) -> bool:
    return (card.order, card.title, card.priority, card.own_needs, card.hours, card.milestone, card.tags) != (
        fact.order, fact.title, fact.priority, fact.needs, fact.estimate_hours, fact.milestone, fact.tags
    )  # fmt: skip


def _scope(board: Board, order: Order) -> set[str] | None:
    """The tasks this run is limited to; None for all."""
    if order.every:
        return None
    wanted = order.task or order.reopen
    if wanted:
        if wanted not in board.cards:
            raise UsageProblem(f"there is no task {wanted} any more", hint="chargehand status")
        card = board.cards[wanted]
        waits = [need for need in card.needs if need in board.cards and not board.cards[need].done]
        if card.state == "todo" and waits:
            raise UsageProblem(f"{wanted} waits for {', '.join(waits)}", hint=f"chargehand run --task {waits[0]}, or run --all")
        return {wanted}
    live = {attempt.task for attempt in board.live_attempts()}
    return live or set(board.order()[:1])


@cache
def operator() -> str:
    """Who gives the orders, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def plan(spec: Spec, states: Mapping[str, str]) -> list[Task]:
    """The tasks still to do in the order one worker would take them, from the states the ledger holds. Changes nothing."""
    board = Board()
    for order, task in enumerate(spec.tasks):
        fact = added(task, order)
        if states.get(task.id) in {"landed", "skipped"}:
            fact = msgspec.structs.replace(fact, done=True)
        board.apply(fact, 0.0)
    board.open()
    tasks = {task.id: task for task in spec.tasks}
    return [tasks[name] for name in board.order()]
