"""Judging: every gate, on a fresh checkout of one commit. What was judged before a crash is not judged again."""

from __future__ import annotations

import asyncio

from chargehand.engine.asking import Asking
from chargehand.engine.baseline import Baseline
from chargehand.engine.comparing import Comparing
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.inspecting import Inspecting
from chargehand.engine.ledger import Ledger
from chargehand.engine.rechecking import Rechecking
from chargehand.engine.reviewing import Reviewing
from chargehand.model.facts import VerdictGiven
from chargehand.model.task import Span, Task
from chargehand.model.work import Verdict
from chargehand.plan.cards import Attempt
from chargehand.plan.terms import judged_by
from chargehand.ports import Gate
from chargehand.process.scrub import scrub_streams

_TRIES = 10
"""How often a gate that is killed together with its supervisor is asked anew."""


class Judge:
    """Gates first, since they cost nothing; then agents review, then a person is asked. What reviewers and people say is of the
    change, so it holds as well when the change is put onto a target that moved; what gates say is of the very commit."""

    def __init__(self, crew: Crew, ledger: Ledger, reviewing: Reviewing, asking: Asking) -> None:
        self._crew, self._ledger, self._reviewing, self._asking = crew, ledger, reviewing, asking
        self._inspecting = Inspecting(crew, ledger)
        baseline = Baseline(crew, self._hear)
        self._rechecking = Rechecking(crew, baseline, self._hear)
        self._comparing = Comparing(crew, ledger, baseline, self._hear)

    async def judge(self, task: Task, attempt: Attempt) -> None:
        """Have everything said of the attempt's proposal that was not said yet. Raises :class:`Ended` unless all of it is well, and
        :class:`Parked` when a person must answer first."""
        await self._gates(task, attempt)
        if self._ledger.board.cards[task.id].kind in {"undo", "review"}:
            return  # a person asked for it, or it is a review itself
        await self._reviewing.review(task, attempt)
        await self._asking.approval(task, attempt)

    async def give_up(self, task: Task, attempt: Attempt) -> None:
        """Nobody wants to know any more: gates and reviewers that are still at work are ended, and what was used is charged."""
        await self.end(attempt.id)
        await self._reviewing.give_up(task, attempt)

    def heard(self, task: Task, attempt: Attempt) -> bool:
        """Whether every gate has spoken of the proposal."""
        return all(attempt.judged(gate.name) for gate in self._crew.gates if judged_by(task, gate.name))

    async def look(self, task: Task, attempt: Attempt) -> None:
        """Have inspectors look at the proposal alone. Raises :class:`Ended` when they object."""
        if rejected := await self._inspecting.rejected(task, attempt):
            raise Ended("gate_failed", "; ".join(f"gate {v.gate}: {v.summary}" for v in rejected))

    async def _gates(self, task: Task, attempt: Attempt) -> None:
        rejected = await self._inspecting.rejected(task, attempt)
        if not self._asking.overrulable(rejected):
            raise Ended("gate_failed", "; ".join(f"gate {v.gate}: {v.summary}" for v in rejected))
        gates = [gate for gate in self._crew.gates if judged_by(task, gate.name)]
        open_gates = [gate for gate in gates if not attempt.judged(gate.name)]
        if open_gates:
            await self._ask(task, attempt, open_gates)
        said = [verdict for gate in gates if (verdict := attempt.judged(gate.name))]
        for verdict in said:
            if verdict.verdict == "error":
                raise Ended("gate_error", f"gate {verdict.gate}: {verdict.summary}", verdict.evidence)
        failed = [verdict for verdict in said if verdict.verdict == "fail"]
        failed = rejected + (failed or await self._comparing.objections(task, attempt, gates))
        if failed and not await self._asking.overrule(task, attempt, failed):
            raise Ended("gate_failed", "; ".join(f"gate {v.gate}: {v.summary}" for v in failed))

    async def _ask(self, task: Task, attempt: Attempt, gates: list[Gate]) -> None:
        for gate in gates:
            verdict = await self._rechecking.verdict(task, attempt, gate)
            self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=verdict))
            await self._ledger.settled()

    async def verdicts(self, commit: str) -> list[Verdict]:
        """What the gates say of a commit that is no attempt's: landed work put onto a target that moved under it."""
        nobody = Task(id="replay", title="landed work on a target that moved", span=Span(1))
        return [await self._hear(nobody, f"replay-{commit[:12]}", commit, gate) for gate in self._crew.gates]

    async def _hear(self, task: Task, name: str, commit: str, gate: Gate) -> Verdict:
        """One gate's verdict. Cut short it says nothing of the commit, so it is asked again, but not for ever."""
        for _ in range(_TRIES):
            if verdict := await self._check(task, name, commit, gate):
                return verdict
        return Verdict(gate=gate.name, commit=commit, verdict="error", summary=f"its supervisor was killed {_TRIES} times")

    async def _check(self, task: Task, name: str, commit: str, gate: Gate) -> Verdict | None:
        """One gate, on a checkout nobody used before it. None when it was cut short."""
        await self.end(name)
        logs = self._crew.place(name) / "gates"
        depot = self._crew.depot
        assert depot is not None
        logs.mkdir(parents=True, exist_ok=True)
        place = logs / f"{len(list(logs.iterdir())) + 1}-{gate.name}"
        try:
            checkout = await self._crew.offload(depot.checkout, f"{name}.gate", commit)
            verdict = await gate.judge(task, commit, checkout, place)
            for written in (place, place.with_name(f"{place.name}-setup")):
                if written.is_dir():
                    await self._crew.offload(scrub_streams, written, self._crew.redactor)
            return verdict
        except asyncio.CancelledError:
            self._crew.launcher.cancel(place)  # a gate costs nothing to repeat; an agent would be left to finish
            raise
        finally:
            await self._crew.offload(depot.discard, f"{name}.gate")

    async def end(self, name: str) -> None:
        """End the gates that a killed engine left at work on this; they must not go on beside us."""
        logs = self._crew.place(name) / "gates"
        if logs.is_dir():
            for place in logs.iterdir():
                self._crew.launcher.cancel(place)
                await self._crew.launcher.adopt(place)
