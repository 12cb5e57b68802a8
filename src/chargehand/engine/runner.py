"""The run: decide what starts, carry it out concurrently, stop when nothing can move any more."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace

from chargehand.engine.asking import Asking
from chargehand.engine.calling import Calls
from chargehand.engine.crew import Crew
from chargehand.engine.dispatch import Dispatch, Next
from chargehand.engine.due import Due
from chargehand.engine.ending import run_end
from chargehand.engine.judging import Judge
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.offering import offer
from chargehand.engine.patience import Patience
from chargehand.engine.pipeline import Pipeline
from chargehand.engine.planner import Planner
from chargehand.engine.purse import Purse
from chargehand.engine.radar import Radar
from chargehand.engine.reviewing import Reviewing
from chargehand.engine.specfile import Source, SpecFile
from chargehand.engine.steering import Steering
from chargehand.engine.tasks import Tasks
from chargehand.model.errors import ChargehandError
from chargehand.model.facts import (
    AgentPaused,
    AttemptClaimed,
    Noticed,
    QuestionAsked,
    RunFinished,
    TaskFailed,
    TaskLanded,
    TaskNeedsHuman,
)
from chargehand.model.work import Failure
from chargehand.plan.cards import Card, Session
from chargehand.plan.routing import goes_on, route
from chargehand.plan.second_look import due
from chargehand.plan.terms import settings_of

SETTINGS_CHANGED = "the settings changed"
"""Why a watching engine stops to be started anew with them."""

_LOOK_S = 1.0
"""How often a watching engine looks at the spec file."""


class Runner:
    """One engine's life over one run. ``among`` limits it to some tasks (None: all). With ``watch`` it stays on."""

    def __init__(
        self,
        crew: Crew,
        ledger: Ledger,
        *,
        among: Collection[str] | None = None,
        source: Source | None = None,
        watch: bool = False,
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        limits = crew.config.timeouts
        patience = Patience(crew.offload, crew.clock, limits.storage_minutes * 60, tell)
        self._crew = crew = replace(crew, offload=patience)
        ledger.patience = patience
        self._ledger, self._board, self._source, self._watch = ledger, ledger.board, source, watch
        self._every = among is None
        self._tasks = Tasks(crew, ledger.board)
        self._due = Due(crew.clock)
        self.steering = Steering(ledger, crew.store, crew.clock)
        self.steering.on_cancel = self.cancel
        self.steering.on_resume = self._read_spec
        self._purse = Purse(crew.config.budget, ledger, crew.clock, crew.store.paid(), self._out_of_money, self._tasks.cap)
        self._dispatch = Dispatch(crew, ledger, self._purse, self.steering, among, self._tasks.get)
        self._spec_file = SpecFile(crew)
        self._calls = Calls(crew, ledger, self._purse, patience)
        reviewing = Reviewing(crew, ledger, self._purse, self._calls)
        judge = self._judge = Judge(crew, ledger, reviewing, Asking(crew, ledger))
        self._radar = Radar(crew, ledger)
        self._landing = Landing(crew, ledger, judge, self._spec_file, self._radar)
        self._pipeline = Pipeline(crew, ledger, judge, self._landing, self._purse, self._calls)
        self._planner = Planner(crew, ledger, self._purse, self._calls, self._landing)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failed_in_a_row = 0
        self._fatal: BaseException | None = None
        self._cancelled: set[str] = set()

    # -- for those who show and steer it -----------------------------------------------------------------------------------

    @property
    def cards(self) -> list[Card]:
        """Every task of the run."""
        return [card for card in self._board.cards.values() if card.state != "cancelled"]

    @property
    def running(self) -> list[str]:
        """The tasks that are worked on."""
        return list(self._running)

    def cancel(self, task: str = "") -> None:
        """End the agent of a task, or all of them; attempts can be repeated. What was being judged goes on from there next time."""
        self._calls.closing |= not task
        for name, running in self._running.items():
            if task not in {"", name}:
                continue
            if task:
                self._cancelled.add(name)
            attempt = self._board.cards[name].attempt
            if attempt is not None and attempt.exit is None:
                self._crew.launcher.cancel(self._crew.place(attempt.id))
            elif not task:
                running.cancel()

    # -- the loop -----------------------------------------------------------------------------------------------------------

    async def run(self) -> RunFinished:
        """Work until nothing can move, or until stopped. Returns what was recorded as the run's end."""
        loop = asyncio.get_running_loop()
        beside = [loop.create_task(self.steering.watch_inbox()), loop.create_task(self._radar.watch())]
        limits = self._crew.config.timeouts
        if limits.session_minutes:
            reason = f"the session's {limits.session_minutes:g} minutes are over"
            loop.call_later(limits.session_minutes * 60, self.steering.stop, reason, "stopped")
        try:
            await self._take_up()
            self.steering.on_answer = self._answered  # before, every open attempt is taken up anyway
            await self._work()
        except ChargehandError as error:
            if self._ledger.broken is None:
                self._ledger.record(RunFinished(run=self._board.run, state="stopped", reason=error.message))
                self._ledger.flush()
            raise
        finally:
            for running in (*beside, *self._running.values()):
                running.cancel()  # agents stay with their shims and are adopted by the next run
            await asyncio.gather(*self._running.values(), *beside, return_exceptions=True)
        await self._crew.offload(self._spec_file.write)
        if not self.steering.stopping:
            await offer(self._crew, self._ledger, self._tasks)
        end = run_end(
            self._board.run,
            [card for card in self.cards if not self._waits_for_a_word(card)],
            self.steering,
            asking=bool(self._dispatch.barred),
        )
        self._ledger.record(end)
        await self._ledger.settled()
        return end

    def _waits_for_a_word(self, card: Card) -> bool:
        """Whether it is a task that is only done when a person asks for it, and nobody did."""
        task = self._tasks.get(card.id)
        return card.state == "todo" and not card.failures and task is not None and task.manual

    async def _work(self) -> None:
        idle, longest = 0.0, self._crew.config.timeouts.idle_minutes * 60
        while True:
            while self.steering.may_start and len(self._running) < self._crew.config.jobs:
                if (found := self._dispatch.next(busy=self._running)) is None:
                    break
                self._go(found.task, self._begin(found))
            if self._running or (self.steering.paused and not self.steering.stopping):
                idle = 0.0
                await self._woken(self._wait_s())
                self._expire()
            elif self.steering.stopping or (self.steering.halted and not self._watch):
                return
            elif (wait := self._wait_s()) is not None:
                await self._woken(wait)
                self._expire()
            elif self._reviews_again():
                idle = 0.0
            elif self._watch and not (longest and idle >= longest):
                idle += _LOOK_S
                self.steering.wake.clear()  # set by this very look, when the budget said no again
                await self._woken(_LOOK_S)
                self._look_again()
            elif not await self.steering.read_inbox():  # what was asked of this run before it ended is done by it
                return

    def _reviews_again(self) -> bool:
        """Have all that landed reviewed by another agent, once there is nothing else to do."""
        config = self._crew.config.review
        if not (config.independent and self._every and self._crew.depot and due(self._board, config.rounds)):
            return False
        self.steering.review()
        return True

    def _wait_s(self) -> float | None:
        """Seconds until something is due by itself: an agent serves again (of interest only when nobody works), a question ends."""
        ends = [self._left_s(question) for question in self._questions() if question.until]
        if not self._running and (wait := self._dispatch.wait_s()) is not None:
            ends.append(wait)
        return max(0.05, min(ends)) if ends else None

    def _left_s(self, question: QuestionAsked) -> float:
        """Seconds in which it may still be answered."""
        return self._due.left(question.until, self._crew.config.approval.timeout_minutes * 60 or math.inf)

    def _questions(self) -> list[QuestionAsked]:
        """Those nobody has answered."""
        live = self._board.live_attempts()
        return [attempt.question for attempt in live if attempt.question is not None and attempt.answer is None]

    def _expire(self) -> None:
        """Nobody answered in time: the policy does."""
        for question in self._questions():
            if question.until and self._left_s(question) <= 0:
                self.steering.answer(question.task, question.id, question.otherwise, "nobody in time", "")

    async def _woken(self, seconds: float | None) -> None:
        """Sleep until something happens, or for so long."""
        wake = self.steering.wake
        if seconds is not None:
            timer = asyncio.get_running_loop().call_later(seconds, wake.set)
        await wake.wait()
        wake.clear()
        if seconds is not None:
            timer.cancel()
        if fatal := self._fatal or self._ledger.broken:
            raise fatal

    async def _clear_up(self) -> None:
        """Remove the checkouts an earlier engine was done with, or used for a gate, when it was killed. A gate gets a new one."""
        depot, work = self._crew.depot, self._crew.state / "work"
        live = {attempt.root for attempt in self._board.live_attempts()}
        live |= {call.attempt for call in self._board.live_calls()}
        if depot is not None and work.is_dir():
            names = sorted({place.name for place in work.iterdir()} - live)
            await asyncio.gather(*(self._judge.end(name.removesuffix(".gate")) for name in names))
            for name in names:
                await self._crew.offload(depot.discard, name)

    async def _take_up(self) -> None:
        """Go on with what an earlier engine left: attempts under way, ticks and deliveries not made."""
        await self.steering.read_inbox()
        if self._crew.depot is not None:
            await self._landing.note(self._board.live_attempts())
        await self._clear_up()
        if self._crew.depot is not None:
            await self._landing.deliver_leftovers()  # before more lands: half a delivery is finished as it was begun
        for attempt in self._board.live_attempts():
            if task := self._tasks.get(attempt.task):
                self._go(attempt.task, self._pipeline.run(task, attempt))
            else:
                self._ledger.record(Noticed(level="warning", message=f"{attempt.task} is no longer in the spec: its attempt ends"))
                self._go(attempt.task, self._pipeline.abandon(attempt))
        for owed in [attempt for attempt in self._board.owed.values() if attempt.outcome == "landed"]:
            self._go(owed.task, self._pipeline.pay(self._tasks.known(owed.task), owed))
        for call in self._board.live_plans():
            task = self._tasks.get(call.task)
            self._go(call.task, self._planner.answer(task) if task else self._planner.give_up(call))
        in_place = not await self._landing.spec_is_tracked()
        for card in list(self._board.cards.values()):
            task = self._tasks.of_spec(card.id)
            if card.state == "todo" and card.failures:
                self._route(card.id)
            elif in_place and card.state == "landed" and task and task.status != "done":
                self._spec_file.tick(card.id)
            elif in_place and card.undone:
                self._spec_file.tick(card.id, done=False)

    async def _begin(self, found: Next) -> None:
        card, agent = self._board.cards[found.task], self._crew.agent_of(found.agent)
        attempt = f"{self._board.run}.{found.task}.{found.number}"
        session = self._session(card, found.agent)
        base = session.base if session else await self._landing.tip() if self._crew.depot is not None else ""
        # Told to stop while the tip was looked up, or the money has run out since; or a person skipped it, or undid what it needs.
        if not self.steering.lets(paid=found.paid) or card.state != "todo" or card.missing:
            self._purse.give_back(attempt)
            self._board.give_back([found.task])
            return
        self._ledger.record(
            AttemptClaimed(
                task=found.task,
                attempt=attempt,
                number=found.number,
                agent=found.agent,
                model=agent.model,
                base=base,
                reserved=found.reserved,
                resumes=session.id if session else "",
                root=session.root if session else "",
                start=session.commit if session else "",
            )
        )
        await self._ledger.settled()  # what is not written down is not started
        assert card.attempt is not None
        await self._pipeline.run(self._tasks.known(found.task), card.attempt)

    def _session(self, card: Card, agent: str) -> Session | None:
        """The session the next attempt goes on with, if it is to and all of it is still there."""
        session, crew = card.session, self._crew
        if (
            session is None
            or card.kind == "review"
            or not crew.agent_of(agent).resumes
            or not goes_on(card.failures, agent, crew.config)
            or any(self._board.cards[need].state == "landed" for need in session.without)  # it knows nothing of that
        ):
            return None
        return session if (crew.place(session.root) / "home").is_dir() else None

    def _answered(self, task: str) -> None:
        """A person has answered: the attempt that waited for it goes on."""
        attempt, told = self._board.cards[task].attempt, self._tasks.get(task)
        if attempt is not None and attempt.answer is not None and task not in self._running and told:
            self._go(task, self._pipeline.run(told, attempt))

    def _go(self, task: str, work: Coroutine[None, None, None]) -> None:
        self._running[task] = asyncio.get_running_loop().create_task(work)
        self._running[task].add_done_callback(self._ended(task))

    def _ended(self, task: str) -> Callable[[asyncio.Task[None]], None]:
        def ended(done: asyncio.Task[None]) -> None:
            self._running.pop(task, None)
            if not done.cancelled():
                if error := done.exception():
                    self._fatal = self._fatal or error
                else:
                    self._route(task)
                    self._answered(task)  # it may have been given while the attempt was being parked
            self.steering.wake.set()

        return ended

    # -- what follows from how it ended ---------------------------------------------------------------------------------------

    def _route(self, task: str) -> None:
        card = self._board.cards[task]
        if card.state == "landed":
            self._failed_in_a_row = 0
        if card.state != "todo" or not card.failures:
            return
        last = card.failures[-1]
        if last.outcome == "rejected" or card.kind == "undo":
            self._ledger.record(TaskFailed(task=task, reason=last.reason))
        elif (told := self._tasks.of_spec(task)) and told.status == "done":
            self._ledger.record(TaskLanded(task=task))  # he did it himself meanwhile
        elif task in self._cancelled:
            self._cancelled.discard(task)
            self._ledger.record(TaskNeedsHuman(task=task, reason="cancelled by you"))
        else:
            self._follow(task, card, last)

    def _follow(self, task: str, card: Card, last: Failure) -> None:
        """Do what the routing decides."""
        config = settings_of(self._tasks.get(task), self._crew.config)
        decided = route(card.failures, config, task, card.replans)
        if decided.action == "wait":
            until = min(last.at, self._crew.clock.now()) + decided.wait_s  # it may have been set back meanwhile
            self._ledger.record(AgentPaused(agent=last.agent, until=until, reason=decided.reason))
        elif decided.action == "replan" and not self._planner.may(task) and self.steering.may_start:
            self._planner.ask(task)
            self._go(task, self._planner.answer(self._tasks.known(task)))
        elif decided.action in {"fail", "replan"}:
            self._ledger.record(TaskFailed(task=task, reason=decided.reason))
            self._failed_in_a_row += 1
            if config.on_failure == "stop":
                self.steering.halt(f"{task} failed, and on_failure is stop")
            elif config.max_consecutive_failures and self._failed_in_a_row >= config.max_consecutive_failures:
                self.steering.halt(f"{self._failed_in_a_row} tasks failed one after the other")
        elif decided.action == "ask":
            self._ledger.record(TaskNeedsHuman(task=task, reason=decided.reason))
            if decided.agent_wide:
                self._dispatch.barred[last.agent] = decided.reason

    def _out_of_money(self, reason: str) -> None:
        """A cap is used up: nothing paid starts, and what runs is ended before it spends more."""
        if self.steering.halted:
            return
        self.steering.halt(reason, for_money=True)
        self._ledger.record(Noticed(level="warning", message=reason, hint="raise the cap in [budget] and run again"))
        for name in self._running:
            attempt = self._board.cards[name].attempt
            if attempt is not None and attempt.exit is None and self._crew.agent_of(attempt.agent).paid:
                self._crew.launcher.cancel(self._crew.place(attempt.id))

    def _read_spec(self) -> None:
        """Take over what changed in the spec."""
        found = self._source.changed_spec() if self._source else None
        if found is None:
            return
        self._crew.spec, changes = found
        self._tasks.read()
        if changes:
            self._ledger.record(*changes)
            self._board.open()
            self.steering.wake.set()

    def _look_again(self) -> None:
        """What a watching engine does when nothing is to do."""
        self._read_spec()
        self.steering.reconsider()
        if self._source and self._source.changed_settings():
            self.steering.stop(SETTINGS_CHANGED, "stopped")
