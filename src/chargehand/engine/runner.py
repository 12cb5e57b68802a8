"""The run: decide what starts, carry it out concurrently, stop when nothing can move any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from chargehand.engine.crew import Crew
from chargehand.engine.judging import Judge
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.pipeline import Pipeline
from chargehand.engine.specfile import SpecFile
from chargehand.model.errors import ChargehandError
from chargehand.model.facts import AttemptClaimed, Noticed, RunFinished, TaskFailed, TaskNeedsHuman, TaskReopened
from chargehand.model.work import RunState
from chargehand.plan.board import Attempt, Card
from chargehand.plan.routing import route

_INBOX_S = 0.5
"""How often the inbox is looked at. Reading an empty one costs microseconds."""


class Runner:
    """One engine's life over one run. ``among`` limits it to some tasks (None: all)."""

    def __init__(self, crew: Crew, ledger: Ledger, *, among: Collection[str] | None = None) -> None:
        self._crew, self._ledger, self._board = crew, ledger, ledger.board
        self._tasks = {task.id: task for task in crew.spec.tasks}
        self._spec_file = SpecFile(crew.root / crew.spec.path)
        judge = Judge(crew, ledger)
        self._landing = Landing(crew, ledger, judge, self._spec_file)
        self._pipeline = Pipeline(crew, ledger, judge, self._landing)
        self._among = among
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = ""
        self._fatal: BaseException | None = None

    # -- steering -----------------------------------------------------------------------------------------------------------

    def stop(self, reason: str) -> bool:
        """Start nothing new. Returns False when that was asked before: then end what runs, with :meth:`cancel`."""
        first = not self._stopping
        self._stopping = self._stopping or reason
        self._wake.set()
        return first

    def cancel(self) -> None:
        """End every running agent; its attempt can be repeated. What was already being judged goes on from there next time."""
        for task, running in self._running.items():
            attempt = self._board.cards[task].attempt
            if attempt is not None and attempt.exit is None:
                self._crew.launcher.cancel(self._crew.place(attempt.id))
            else:
                running.cancel()

    @property
    def cards(self) -> list[Card]:
        """Every task of the run, for those who show it."""
        return [card for card in self._board.cards.values() if card.state != "cancelled"]

    @property
    def running(self) -> list[str]:
        return list(self._running)

    # -- the loop -----------------------------------------------------------------------------------------------------------

    async def run(self) -> RunFinished:
        """Work until nothing can move, or until stopped. Returns what was recorded as the run's end."""
        inbox = asyncio.get_running_loop().create_task(self._watch_inbox())
        try:
            await self._take_up()
            while True:
                self._start_ready()
                if not self._running:
                    break
                await self._wake.wait()
                self._wake.clear()
                if self._fatal:
                    raise self._fatal
        except ChargehandError as error:
            if self._ledger.broken is None:
                self._ledger.record(RunFinished(run=self._board.run, state="stopped", reason=error.message))
                self._ledger.flush()
            raise
        finally:
            inbox.cancel()
            for running in self._running.values():
                running.cancel()  # agents stay with their shims and are adopted by the next run
            await asyncio.gather(*self._running.values(), inbox, return_exceptions=True)
        self._spec_file.write()
        end = self._ending()
        self._ledger.record(end)
        self._ledger.flush()
        return end

    async def _take_up(self) -> None:
        """Go on with what an earlier engine left: attempts under way, ticks and deliveries not made."""
        for attempt in self._board.live_attempts():
            self._spawn(attempt)
        for card in list(self._board.cards.values()):
            if card.state == "todo" and card.failures:
                self._route(card.id)
            elif (
                card.state == "landed" and (task := self._tasks.get(card.id)) and task.status != "done" and self._crew.depot is None
            ):
                self._spec_file.tick(card.id)
        if self._crew.depot is not None:
            await self._landing.deliver_leftovers()

    def _start_ready(self) -> None:
        while not self._stopping and len(self._running) < self._crew.config.jobs:
            ready = self._board.take(1, self._among)
            if not ready:
                return
            self._running[ready[0]] = asyncio.get_running_loop().create_task(self._begin(ready[0]))
            self._running[ready[0]].add_done_callback(self._ended(ready[0]))

    async def _begin(self, task: str) -> None:
        card, agent = self._board.cards[task], self._crew.agent
        base = await self._landing.tip() if self._crew.depot is not None else ""
        number = card.attempts + 1
        self._ledger.record(
            AttemptClaimed(
                task=task,
                attempt=f"{self._board.run}.{task}.{number}",
                number=number,
                agent=agent.name,
                model=agent.model,
                base=base,
            )
        )
        await self._ledger.settled()  # what is not written down is not started
        assert card.attempt is not None
        await self._pipeline.run(self._tasks[task], card.attempt)

    def _spawn(self, attempt: Attempt) -> None:
        task = self._tasks.get(attempt.task)
        if task is None:
            self._ledger.record(
                Noticed(level="warning", message=f"{attempt.task} is no longer in the spec; its attempt is left as it is")
            )
            return
        self._running[attempt.task] = asyncio.get_running_loop().create_task(self._pipeline.run(task, attempt))
        self._running[attempt.task].add_done_callback(self._ended(attempt.task))

    def _ended(self, task: str) -> Callable[[asyncio.Task[None]], None]:
        def ended(done: asyncio.Task[None]) -> None:
            self._running.pop(task, None)
            if not done.cancelled() and (error := done.exception()):
                self._fatal = self._fatal or error
            elif not done.cancelled():
                self._route(task)
            self._wake.set()

        return ended

    def _route(self, task: str) -> None:
        card = self._board.cards[task]
        if card.state != "todo" or not card.failures:
            return
        action, reason = route(card.failures, self._crew.config.retry.attempts)
        if action == "fail":
            self._ledger.record(TaskFailed(task=task, reason=reason))
        elif action == "ask":
            self._ledger.record(TaskNeedsHuman(task=task, reason=reason))

    async def _watch_inbox(self) -> None:
        while True:
            await self._crew.clock.sleep(_INBOX_S)
            requests = self._crew.store.requests()
            for request in requests:
                card = self._board.cards.get(request.body)
                if request.kind == "retry" and card and card.state in {"failed", "needs_human"}:
                    self._ledger.record(TaskReopened(task=card.id, by="retry"))
                elif request.kind == "stop":
                    self.stop("asked to stop")
                self._wake.set()
            if requests:
                await self._ledger.settled()
                self._crew.store.answered([request.id for request in requests])

    def _ending(self) -> RunFinished:
        cards = self.cards
        count = {state: sum(card.state == state for card in cards) for state in ("landed", "failed", "needs_human")}
        state: RunState
        if self._stopping:
            state, reason = "interrupted", self._stopping
        elif count["landed"] == len(cards):
            state, reason = "finished", f"all {len(cards)} tasks landed"
        elif count["failed"]:
            state, reason = "failed", f"{count['failed']} failed, {count['landed']} of {len(cards)} landed"
        elif count["needs_human"]:
            state, reason = "needs_human", f"{count['needs_human']} need you, {count['landed']} of {len(cards)} landed"
        else:
            state, reason = "stopped", f"{count['landed']} of {len(cards)} landed"
        return RunFinished(run=self._board.run, state=state, reason=reason)
