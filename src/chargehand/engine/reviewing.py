"""Review by agents: every role at once, each a paid call on what the attempt left, each a verdict with findings.

A review is taken up after a crash like an agent's call, and is given once for a role and a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chargehand.brief.review import FOCUS, Change, blocking, bounded, question, read_findings, schema, verdict
from chargehand.engine.answers import last_words
from chargehand.engine.calling import Calls, Order
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.ledger import Ledger
from chargehand.engine.purse import Purse
from chargehand.model.facts import ReviewAsked, ReviewGiven, VerdictGiven
from chargehand.model.task import Task
from chargehand.model.work import Exit, Failure, Finding, Report, Usage, Verdict
from chargehand.plan.cards import REVIEW, Attempt
from chargehand.ports import Depot

_TRIES = 2
"""How often a review that could not be had is asked for."""


class Reviewing:
    def __init__(self, crew: Crew, ledger: Ledger, purse: Purse, calls: Calls) -> None:
        self._crew, self._ledger, self._purse, self._calls = crew, ledger, purse, calls

    async def review(self, task: Task, attempt: Attempt) -> None:
        """Have the verdict of every role on what the attempt left. Raises :class:`Ended` when the policy lets it block.

        A review that is missing or could not be had is never taken for a pass.
        """
        config = self._crew.config.review
        if config.policy == "off" or not attempt.commit:
            return
        if config.policy == "advisory" and attempt.question is not None:
            return  # a person looks at it already; advice that could not be had is not bought later
        await asyncio.gather(*(self._hear(task, attempt, number, role) for number, role in enumerate(config.roles)))
        if config.policy == "advisory":
            return
        said = [attempt.judged(REVIEW + role, attempt.commit) for role in config.roles]
        failed = [one for one in said if one and one.verdict == "fail"]
        if failed:
            reason = "; ".join(f"{one.gate}: {one.summary}" for one in failed)
            if self._round(task) >= config.rounds:
                raise Ended("gate_error", f"{config.rounds} rounds of review did not settle it: {reason}")
            raise Ended("gate_failed", reason)
        for one in said:
            if one is None or one.verdict != "pass":
                raise Ended("gate_error", f"a review is missing: {one.summary}" if one else "a review is missing")

    async def _hear(self, task: Task, attempt: Attempt, number: int, role: str) -> None:
        gate = REVIEW + role
        while True:
            failed = sum(one.gate == gate and one.commit == attempt.commit and one.verdict == "error" for one in attempt.verdicts)
            said = attempt.judged(gate, attempt.commit)
            if said and (said.verdict != "error" or failed >= _TRIES):
                return
            asked = attempt.reviews.get(role) or self._ask(task, attempt, number, role, failed + 1)
            if asked is None:
                return
            await self._answer(task, attempt, asked)

    async def give_up(self, task: Task, attempt: Attempt) -> None:
        """End the reviews that are under way. One that was not started yet has used nothing."""
        for asked in list(attempt.reviews.values()):
            self._crew.launcher.cancel(self._crew.place(asked.attempt))
            exit_ = await self._calls.take_up(asked.attempt, asked.agent, task.id, attempt.number)
            report = Report() if exit_ is None else await self._calls.read(asked.attempt, asked.agent, exit_)
            charged = Usage() if exit_ is None else self._purse.price(asked.reserved, report.usage)
            unheard = Verdict(gate=REVIEW + asked.role, commit=asked.commit, verdict="error", summary="ended with its task")
            await self._given(task, attempt, asked, unheard, exit_ or Exit(cause="not_started"), report.usage, charged)

    def _ask(self, task: Task, attempt: Attempt, number: int, role: str, again: int) -> ReviewAsked | None:
        """Record that a reviewer is asked. None, and a verdict that says so, when it cannot be paid for."""
        names = self._crew.config.review.agents or [attempt.agent]
        agent = self._crew.agent_of(names[number % len(names)])
        call = f"{attempt.id}.review-{role}{again if again > 1 else ''}"
        leave = self._purse.ask(task.id, attempt.number, paid=agent.paid)
        if leave.word != "yes":
            missing = Verdict(gate=REVIEW + role, commit=attempt.commit, verdict="error", summary=leave.reason)
            self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=missing))
            return None
        asked = ReviewAsked(
            task=task.id,
            attempt=call,
            of=attempt.id,
            role=role,
            commit=attempt.commit,
            agent=agent.name,
            model=agent.model,
            reserved=self._purse.hold(call, task.id, attempt.number, paid=agent.paid),
        )
        self._ledger.record(asked)
        return asked

    async def _answer(self, task: Task, attempt: Attempt, asked: ReviewAsked) -> None:
        await self._ledger.settled()
        exit_ = await self._calls.take_up(asked.attempt, asked.agent, task.id, attempt.number)
        if exit_ is None:
            exit_ = await self._start(task, attempt, asked)
        said = await last_words(self._crew, asked.attempt)
        report = await self._calls.read(asked.attempt, asked.agent, exit_)
        judged = await self._verdict(task, attempt, asked, exit_, report, said)
        await self._given(task, attempt, asked, judged, exit_, report.usage, self._purse.price(asked.reserved, report.usage))

    async def _given(
        self, task: Task, attempt: Attempt, asked: ReviewAsked, said: Verdict, exit_: Exit, usage: Usage, charged: Usage
    ) -> None:
        """Record what a reviewer said, and charge it."""
        given = ReviewGiven(
            task=task.id, attempt=asked.attempt, of=attempt.id, verdict=said, exit=exit_, usage=usage, charged=charged
        )
        self._ledger.record(given)
        await self._calls.charged(asked.attempt, task.id, attempt.number, charged)
        await self._ledger.settled()
        if self._crew.depot is not None:
            await self._crew.offload(self._crew.depot.discard, asked.attempt)

    async def _verdict(self, task: Task, attempt: Attempt, asked: ReviewAsked, exit_: Exit, report: Report, said: str) -> Verdict:
        config, gate = self._crew.config.review, REVIEW + asked.role
        seconds = max(0.0, exit_.ended_at - exit_.started_at)
        well = exit_.well(report.finished)
        found = read_findings(report.answer or said, asked.role) if well else f"the reviewer {exit_.describe()}"
        if not well and report.error:
            found = f"the reviewer met {report.error.kind.replace('_', ' ')}: {report.error.message}"
        if isinstance(found, str):
            return Verdict(gate=gate, commit=attempt.commit, verdict="error", summary=found, duration_s=seconds)
        changed = None
        if before := self._before(task):
            changed = frozenset(await self._crew.offload(self._depot.changed, before.commit, attempt.commit))
        return verdict(asked.role, attempt.commit, bounded(found, self._earlier(task, asked.role), changed), config.block, seconds)

    async def _start(self, task: Task, attempt: Attempt, asked: ReviewAsked) -> Exit:
        crew, before = self._crew, self._before(task)
        diff = await crew.offload(self._depot.patch, attempt.base, attempt.commit)
        since = await crew.offload(self._depot.patch, before.commit, attempt.commit) if before else ""
        sections = crew.spec.sections
        prompt = question(
            task,
            [sections[trace] for trace in task.traces if trace in sections],
            Change(diff=diff, since=since),
            role=asked.role,
            focus=crew.config.review.prompts.get(asked.role) or FOCUS.get(asked.role) or asked.role,
            run=self._ledger.board.run,
            spec_path=crew.spec.file_of(task),
            verdicts=[one for one in attempt.said if not one.gate.startswith(REVIEW)],
            earlier=self._earlier(task, asked.role),
            round_=self._round(task),
        )
        workspace = await crew.offload(self._depot.checkout, asked.attempt, attempt.commit)
        order = Order(
            asked.attempt, asked.agent, task.id, attempt.number, prompt, workspace, attempt.base, schema=schema(), read_only=True
        )
        return await self._calls.make(order)

    @property
    def _depot(self) -> Depot:
        assert self._crew.depot is not None
        return self._crew.depot

    def _reviewed(self, task: Task) -> Sequence[Failure]:
        """The earlier attempts that came as far as a review."""
        failures = self._ledger.board.cards[task.id].failures
        return [one for one in failures if any(said.gate.startswith(REVIEW) for said in one.verdicts)]

    def _before(self, task: Task) -> Failure | None:
        """The attempt that was reviewed last, if its commit is known."""
        reviewed = self._reviewed(task)
        return reviewed[-1] if reviewed and reviewed[-1].commit else None

    def _round(self, task: Task) -> int:
        return len(self._reviewed(task)) + 1

    def _earlier(self, task: Task, role: str) -> tuple[Finding, ...]:
        """What the role objected to in the last round, as far as it blocked."""
        before = self._before(task)
        said = next((one for one in before.verdicts if one.gate == REVIEW + role), None) if before else None
        return blocking(said.findings, self._crew.config.review.block) if said else ()
