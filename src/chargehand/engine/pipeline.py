"""The way of one attempt: workspace, brief, agent, commit taken, gates, landed.

Each stage looks first whether its fact is already in the ledger, so the same code runs an attempt and takes one up after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from chargehand.brief.brief import render
from chargehand.engine.calling import Calls, Order
from chargehand.engine.crew import Crew
from chargehand.engine.drafting import Drafting
from chargehand.engine.ending import Ended, Parked
from chargehand.engine.hooks import Hooks
from chargehand.engine.independent import Independent
from chargehand.engine.judging import Judge
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.purse import Purse
from chargehand.engine.undoing import take_back
from chargehand.model.facts import AttemptEnded, AttemptExited, CommitTaken, TaskRemoved
from chargehand.model.task import PROSE, Evidence, Section, Span, Task
from chargehand.model.work import HUMAN_CLASSES, WAITING_CLASSES, Exit, Failure, Report
from chargehand.plan.cards import BY_PARTS, BY_REVERT, NOBODY, Attempt
from chargehand.plan.terms import settings_of
from chargehand.process.transcript import excerpt

_NOT_OF_THE_WORK = frozenset({"unavailable", "refused"})
"""Failures that say nothing about the work, so that the next attempt need not hear of them."""


_NOTES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
"""Where projects keep what agents should know. Programs kept from the workspace's settings do not read them by themselves."""


class Pipeline:
    def __init__(self, crew: Crew, ledger: Ledger, judge: Judge, landing: Landing, purse: Purse, calls: Calls) -> None:
        self._crew, self._ledger, self._judge, self._landing = crew, ledger, judge, landing
        self._purse, self._calls, self._hooks = purse, calls, Hooks(crew, ledger)
        self._independent, self._drafting = Independent(crew, ledger, landing), Drafting(crew, ledger)

    async def run(self, task: Task, attempt: Attempt) -> None:
        """Bring an attempt to its end, from wherever it stands. Its end is recorded when this returns."""
        try:
            exit_ = await self._work(task, attempt)
            await self._take(task, attempt)
            self._demand_success(task, attempt, exit_)
            await self._hooks.owe(task, attempt)
            if answering := self._answering(task):
                await answering.conclude(task, attempt)
                if attempt.proposal:
                    await self._prove(task, attempt)
            elif self._evidence(task) == "exit" or attempt.agent == BY_PARTS:
                await self._landing.land_nothing(task, attempt)
            else:
                await self._prove(task, attempt)
            await self._hooks.after(task, attempt)
        except Parked:
            pass  # its attempt stays open until somebody answers
        except Ended as end:
            await self._hooks.after(task, attempt, end)
            self._ledger.record(
                AttemptEnded(task=task.id, attempt=attempt.id, outcome=end.outcome, reason=end.reason, excerpt=end.excerpt)
            )
        await self._clear(attempt)

    async def pay(self, task: Task, attempt: Attempt) -> None:
        """Tell plugins of what landed just before an engine was killed."""
        await self._hooks.after(task, attempt)

    async def abandon(self, attempt: Attempt) -> None:
        """End an attempt whose task is no longer in the spec. What it left is kept."""
        task, exit_ = Task(id=attempt.task, title=attempt.task, span=Span(1)), attempt.exit
        place = self._crew.place(attempt.id)
        if exit_ is None and place.exists():
            self._crew.launcher.cancel(place)
            if exit_ := await self._calls.take_up(attempt.id, attempt.agent, attempt.task, attempt.number):
                await self._exited(attempt, exit_)
        if exit_:
            await self._take(task, attempt)
        else:
            self._purse.give_back(attempt.id)  # nobody was ever started for it
        await self._judge.give_up(task, attempt)
        reason = "its task is no longer in the spec"
        ended = AttemptEnded(task=attempt.task, attempt=attempt.id, outcome="interrupted", reason=reason)
        self._ledger.record(ended, TaskRemoved(task=attempt.task))
        await self._clear(attempt)

    async def _clear(self, attempt: Attempt) -> None:
        if self._crew.depot is not None:
            await self._ledger.settled()
            await self._crew.offload(self._crew.depot.discard, attempt.root)  # all of it is in the depot

    async def _prove(self, task: Task, attempt: Attempt) -> None:
        """Judge and land what was taken."""
        if attempt.agent == BY_REVERT:
            if not attempt.proposal:
                await take_back(self._crew, self._ledger, self._landing.candidates, task, attempt)
            task = msgspec.structs.replace(task, files=attempt.files)  # so it names what it changes
        if not attempt.proposal:
            raise Ended("empty", "the agent ended well but changed nothing", self._tail(attempt))
        if not attempt.queued:
            await self._landing.catch_up(task, attempt)
            await self._judged(task, attempt)
        await self._landing.land(task, attempt)

    async def _judged(self, task: Task, attempt: Attempt) -> None:
        try:
            await self._judge.judge(task, attempt)
        except Ended as end:
            await self._hooks.judged(task, attempt, end)
            raise
        await self._hooks.judged(task, attempt)

    def _answering(self, task: Task) -> Independent | Drafting | None:
        """Who asks and is answered, where a task is not to change anything."""
        if self._ledger.board.cards[task.id].kind == "review":
            return self._independent
        return self._drafting if self._crew.spec.format == PROSE else None

    def _evidence(self, task: Task) -> Evidence:
        return task.evidence or self._crew.config.evidence

    async def _work(self, task: Task, attempt: Attempt) -> Exit:
        """Have the agent's exit: from the ledger, from an agent that is still there, or by starting it."""
        if attempt.exit:
            return attempt.exit
        if attempt.agent in NOBODY:
            done = Exit(cause="exited", code=0, started_at=attempt.started_at, ended_at=attempt.started_at)
            await self._exited(attempt, done)
            return done
        exit_ = await self._calls.take_up(attempt.id, attempt.agent, task.id, attempt.number)
        if exit_ is None:
            await self._begin(task, attempt)
            exit_ = await self._calls.make(await self._order(task, attempt))
        await self._exited(attempt, exit_)
        if self._evidence(task) == "commit":
            await self._ledger.settled()
        return exit_

    async def _begin(self, task: Task, attempt: Attempt) -> None:
        try:
            await self._hooks.before(task, attempt)
        except Ended:
            self._purse.give_back(attempt.id)
            raise

    async def _order(self, task: Task, attempt: Attempt) -> Order:
        if answering := self._answering(task):
            return await answering.order(task, attempt)
        return Order(
            call=attempt.id,
            agent=attempt.agent,
            task=task.id,
            number=attempt.number,
            prompt=await self._brief(task, attempt),
            workspace=await self._workspace(task, attempt),
            commit=attempt.base,
            home=attempt.root,
            resumes=attempt.resumes,
            minutes=settings_of(task, self._crew.config).timeouts.task_minutes,
        )

    async def _exited(self, attempt: Attempt, exit_: Exit) -> None:
        """Record how the agent ended, and charge it."""
        report = Report()
        if attempt.agent not in NOBODY:
            report = await self._calls.read(attempt.id, attempt.agent, exit_, attempt.before)
        charged = self._purse.price(attempt.reserved, report.usage)
        well = exit_.well(report.finished)
        self._ledger.record(
            AttemptExited(
                task=attempt.task,
                attempt=attempt.id,
                exit=exit_,
                usage=report.usage,
                charged=charged,
                error=None if well else report.error,
                finished=report.finished,
                session=report.session,
                total=report.total,
            )
        )
        await self._calls.charged(attempt.id, attempt.task, attempt.number, charged)

    async def _workspace(self, task: Task, attempt: Attempt) -> Path:
        if self._crew.depot is None:
            return self._crew.root
        branch = f"chargehand/{task.id}"
        return await self._crew.offload(self._crew.depot.workspace, attempt.root, attempt.start, branch)

    async def _brief(self, task: Task, attempt: Attempt) -> str:
        """What the agent is told; a task that is a command gets it too, on stdin."""
        if task.terms and task.terms.prompt and (text := await self._text(attempt.base, task.terms.prompt)):
            task = msgspec.structs.replace(task, description=f"{task.description}\n\n{text}".strip())
        sections, failures = self._crew.spec.sections, self._ledger.board.cards[task.id].failures
        traced = [sections[trace] for trace in ("constitution", *task.traces) if trace in sections]
        for path in _NOTES:
            if text := await self._text(attempt.base, path):
                traced.append(Section(path, "what the project tells its agents", text, path))
                break
        return render(
            task,
            traced,
            failures if attempt.resumes else [failure for failure in failures if failure.outcome not in _NOT_OF_THE_WORK],
            run=self._ledger.board.run,
            attempt=attempt.number,
            spec_path=self._crew.spec.file_of(task),
            evidence=self._evidence(task),
            gates=[gate.name for gate in self._crew.gates],
            goes_on=bool(attempt.resumes),
            old=await self._old(failures),
            budget=self._crew.config.brief_chars,
        )

    async def _old(self, failures: Sequence[Failure]) -> str:
        """What the last attempt had changed, where that could not be merged: it is to be done anew on what is there now."""
        last = failures[-1] if failures else None
        if last is None or last.outcome != "conflict" or not (last.base and last.commit) or self._crew.depot is None:
            return ""
        return await self._crew.offload(self._crew.depot.patch, last.base, last.commit)

    async def _text(self, commit: str, path: str) -> str:
        """A file of the project that tells agents something; empty when it is not there."""
        depot = self._crew.depot
        data = await self._crew.offload(depot.read, commit, path) if depot is not None else None
        return (data or b"").decode("utf-8", "replace")

    async def _take(self, task: Task, attempt: Attempt) -> None:
        """Save all the agent left, whatever became of him; what ended well also becomes a proposal."""
        depot = self._crew.depot
        if attempt.commit or depot is None or attempt.agent in NOBODY or self._answering(task):
            return
        message = f"{task.id}: left uncommitted by {attempt.agent}"
        taken = await self._crew.offload(depot.take, attempt.root, attempt.base, message, attempt.id)
        if taken is None:
            return
        proposal, ours = "", self._crew.spec.all_files()
        if attempt.well and self._evidence(task) == "commit" and any(path not in ours for path in taken.files):
            proposal = await self._landing.candidates.propose(task, attempt, taken.commit, attempt.base)
        self._ledger.record(
            CommitTaken(
                task=task.id, attempt=attempt.id, commit=taken.commit, proposal=proposal, base=attempt.base, files=taken.files
            )
        )
        await self._ledger.settled()

    def _demand_success(self, task: Task, attempt: Attempt, exit_: Exit) -> None:
        if attempt.well:
            return
        said, minutes = self._tail(attempt), settings_of(task, self._crew.config).timeouts.task_minutes
        error = attempt.error
        told = f"{error.kind.replace('_', ' ')}: {error.message or exit_.describe()}" if error else ""
        match exit_.cause:
            case "exited" if error and error.kind in WAITING_CLASSES:
                raise Ended("unavailable", told, said)
            case "exited" if error and error.kind in HUMAN_CLASSES:
                raise Ended("refused", told, said)
            case "exited" if error and error.kind in {"budget", "session_lost"}:
                raise Ended("interrupted", told, said)
            case "exited" if error and error.kind == "unreadable":
                raise Ended("error", told, said)
            case "exited":
                raise Ended("agent_failed", told or f"the agent ended with {exit_.describe()}", said)
            case "timeout":
                raise Ended("timeout", f"ran longer than {minutes:g} minutes", said)
            case "stall":
                raise Ended(
                    "stall", f"no output and no changed file for {self._crew.config.timeouts.stall_minutes:g} minutes", said
                )
            case "not_started":
                raise Ended("error", f"the agent could not be started: {exit_.error}", said)
            case _:
                raise Ended("interrupted", f"the agent {exit_.describe()}", said)

    def _tail(self, attempt: Attempt) -> str:
        place = self._crew.place(attempt.id)
        return excerpt((place / "stdout.log", place / "stderr.log"))
