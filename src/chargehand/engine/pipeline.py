"""The way of one attempt: workspace, brief, agent, commit taken, gates, landed.

Each stage looks first whether its fact is already in the ledger, so the same code runs an attempt and takes one up after a crash.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from chargehand.brief.brief import render
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.judging import Judge
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.patience import Patience
from chargehand.engine.purse import Purse
from chargehand.model.facts import AttemptEnded, AttemptExited, CommitTaken, TaskRemoved
from chargehand.model.task import Evidence, Span, Task
from chargehand.model.work import HUMAN_CLASSES, WAITING_CLASSES, Exit, Report
from chargehand.plan.board import BY_PARTS, Attempt
from chargehand.ports import Launch
from chargehand.process.files import write_private
from chargehand.process.scrub import scrub_streams
from chargehand.process.transcript import excerpt

_NOT_OF_THE_WORK = frozenset({"unavailable", "refused"})
"""Failures that say nothing about the work, so that the next attempt need not hear of them."""


class Pipeline:
    def __init__(self, crew: Crew, ledger: Ledger, judge: Judge, landing: Landing, purse: Purse, patience: Patience) -> None:
        self._crew, self._ledger, self._judge, self._landing = crew, ledger, judge, landing
        self._purse, self._patience = purse, patience
        self.closing = False
        """Set when every agent is told to end: none is started any more."""

    async def run(self, task: Task, attempt: Attempt) -> None:
        """Bring an attempt to its end, from wherever it stands. Its end is recorded when this returns."""
        exit_ = await self._work(task, attempt)
        await self._take(task, attempt, exit_)
        try:
            self._demand_success(attempt, exit_)
            if self._evidence(task) == "exit" or attempt.agent == BY_PARTS:
                await self._landing.land_nothing(task, attempt)
            else:
                await self._prove(task, attempt)
        except Ended as end:
            self._ledger.record(
                AttemptEnded(task=task.id, attempt=attempt.id, outcome=end.outcome, reason=end.reason, excerpt=end.excerpt)
            )
        await self._clear(attempt)

    async def abandon(self, attempt: Attempt) -> None:
        """End an attempt whose task is no longer in the spec. What it left is kept."""
        task, exit_ = Task(id=attempt.task, title=attempt.task, span=Span(1)), attempt.exit
        place = self._crew.place(attempt.id)
        if exit_ is None and place.exists():
            self._crew.launcher.cancel(place)
            if exit_ := await self._crew.launcher.adopt(place):
                await self._exited(attempt, exit_)
        if exit_:
            await self._take(task, attempt, exit_)
        reason = "its task is no longer in the spec"
        ended = AttemptEnded(task=attempt.task, attempt=attempt.id, outcome="interrupted", reason=reason)
        self._ledger.record(ended, TaskRemoved(task=attempt.task))
        await self._clear(attempt)

    async def _clear(self, attempt: Attempt) -> None:
        if self._crew.depot is not None:
            await self._ledger.settled()
            await self._crew.offload(self._crew.depot.discard, attempt.id)  # all of it is in the depot

    async def _prove(self, task: Task, attempt: Attempt) -> None:
        """Judge and land what was taken."""
        if not attempt.proposal:
            raise Ended("empty", "the agent ended well but changed nothing", self._tail(attempt))
        if not attempt.queued:
            await self._landing.catch_up(task, attempt)
            await self._judge.judge(task, attempt)
        await self._landing.land(task, attempt)

    def _evidence(self, task: Task) -> Evidence:
        return task.evidence or self._crew.config.evidence

    async def _work(self, task: Task, attempt: Attempt) -> Exit:
        """Have the agent's exit: from the ledger, from an agent that is still there, or by starting it."""
        if attempt.exit:
            return attempt.exit
        if attempt.agent == BY_PARTS:
            done = Exit(cause="exited", code=0, started_at=attempt.started_at, ended_at=attempt.started_at)
            await self._exited(attempt, done)
            return done
        place = self._crew.place(attempt.id)
        exit_ = await self._crew.launcher.adopt(place) if place.exists() else None
        if exit_ is None:
            workspace = await self._workspace(task, attempt)
            prompt = self._brief(task, attempt)
            exit_ = await self._start(task, attempt.id, attempt.agent, attempt.number, prompt, workspace)
        await self._exited(attempt, exit_)
        if self._evidence(task) == "commit":
            await self._ledger.settled()
        return exit_

    async def _exited(self, attempt: Attempt, exit_: Exit) -> None:
        """Record how the agent ended, and charge it."""
        report = Report()
        if exit_.stdout_bytes:
            transcript = self._crew.place(attempt.id) / "stdout.log"
            report = await self._crew.offload(self._crew.agent_of(attempt.agent).report, transcript)
        if exit_.stdout_bytes or exit_.stderr_bytes:
            await self._crew.offload(scrub_streams, self._crew.place(attempt.id), self._crew.redactor)
        charged = self._purse.price(attempt.reserved, report.usage)
        error = None if exit_.ok else report.error
        self._ledger.record(
            AttemptExited(task=attempt.task, attempt=attempt.id, exit=exit_, usage=report.usage, charged=charged, error=error)
        )
        self._purse.settle(attempt.id, attempt.task, attempt.number, charged)

    async def _workspace(self, task: Task, attempt: Attempt) -> Path:
        if self._crew.depot is None:
            return self._crew.root
        return await self._crew.offload(self._crew.depot.workspace, attempt.id, attempt.base, f"chargehand/{task.id}")

    async def ask(self, task: Task, call: str, agent: str, number: int, prompt: str) -> Exit:
        """A call that is to answer, not to change anything: in a checkout of the target that is thrown away."""
        depot = self._crew.depot
        workspace = self._crew.root
        if depot is not None:
            workspace = await self._crew.offload(depot.checkout, call, await self._landing.tip())
        return await self._start(task, call, agent, number, prompt, workspace)

    async def _start(self, task: Task, call: str, agent: str, number: int, prompt: str, workspace: Path) -> Exit:
        launch = await self._patience.here(self._launch, task, call, agent, number, prompt, workspace)
        if self.closing:
            raise asyncio.CancelledError  # claimed and not started: the next run does that
        return await self._crew.launcher.run(launch)

    def _launch(self, task: Task, call: str, name: str, number: int, text: str, workspace: Path) -> Launch:
        crew, limits = self._crew, self._crew.config.timeouts
        agent, place = crew.agent_of(name), crew.place(call)
        prompt = place / "prompt.md"
        write_private(prompt, text)
        return Launch(
            argv=agent.command(str(prompt), str(workspace)),
            cwd=str(workspace),
            env=crew.cage(place / "home")
            | agent.environment(dict(crew.ambient))
            | {
                "CHARGEHAND_TASK_ID": task.id,
                "CHARGEHAND_ATTEMPT": str(number),
                "CHARGEHAND_RUN_ID": self._ledger.board.run,
            },
            directory=str(place),
            stdin=str(prompt),
            timeout_s=limits.task_minutes * 60,
            stall_s=limits.stall_minutes * 60,
            kill_s=limits.kill_seconds,
            output_cap=int(crew.config.transcript_mb * 1024 * 1024),
        )

    def _brief(self, task: Task, attempt: Attempt) -> str:
        sections = self._crew.spec.sections
        return render(
            task,
            [sections[trace] for trace in task.traces if trace in sections],
            [failure for failure in self._ledger.board.cards[task.id].failures if failure.outcome not in _NOT_OF_THE_WORK],
            run=self._ledger.board.run,
            attempt=attempt.number,
            spec_path=self._crew.spec.path,
            evidence=self._evidence(task),
            gates=[gate.name for gate in self._crew.gates],
        )

    async def _take(self, task: Task, attempt: Attempt, exit_: Exit) -> None:
        """Save all the agent left, whatever became of him; what ended well also becomes a proposal."""
        depot = self._crew.depot
        if attempt.commit or depot is None or attempt.agent == BY_PARTS:
            return
        taken = await self._crew.offload(depot.take, attempt.id, attempt.base, f"{task.id}: left uncommitted by {attempt.agent}")
        if taken is None:
            return
        proposal = ""
        if exit_.ok and self._evidence(task) == "commit" and any(path != self._crew.spec.path for path in taken.files):
            proposal = await self._landing.propose(task, attempt, taken.commit, attempt.base)
        self._ledger.record(
            CommitTaken(
                task=task.id, attempt=attempt.id, commit=taken.commit, proposal=proposal, base=attempt.base, files=taken.files
            )
        )
        await self._ledger.settled()

    def _demand_success(self, attempt: Attempt, exit_: Exit) -> None:
        if exit_.ok:
            return
        said = self._tail(attempt)
        error = attempt.error
        match exit_.cause:
            case "exited" if error and error.kind in WAITING_CLASSES:
                raise Ended("unavailable", f"{error.kind.replace('_', ' ')}: {error.message or exit_.describe()}", said)
            case "exited" if error and error.kind in HUMAN_CLASSES:
                raise Ended("refused", f"{error.kind.replace('_', ' ')}: {error.message or exit_.describe()}", said)
            case "exited":
                raise Ended("agent_failed", f"the agent ended with {exit_.describe()}", said)
            case "timeout":
                raise Ended("timeout", f"ran longer than {self._crew.config.timeouts.task_minutes:g} minutes", said)
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
