"""Judging: every gate, on a fresh checkout of one commit. What was judged before a crash is not judged again."""

from __future__ import annotations

import asyncio

from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.ledger import Ledger
from chargehand.model.facts import VerdictGiven
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.plan.board import Attempt
from chargehand.ports import Gate

_TRIES = 10
"""How often a gate that is killed together with its supervisor is asked anew."""


class Judge:
    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger

    async def judge(self, task: Task, attempt: Attempt) -> None:
        """Run the gates that have not spoken on the attempt's proposal. Raises :class:`Ended` unless all of them pass."""
        open_gates = [gate for gate in self._crew.gates if not attempt.judged(gate.name)]
        if open_gates:
            await self._ask(task, attempt, open_gates)
        said = [verdict for gate in self._crew.gates if (verdict := attempt.judged(gate.name))]
        for verdict in said:
            if verdict.verdict == "error":
                raise Ended("gate_error", f"gate {verdict.gate}: {verdict.summary}", verdict.evidence)
        failed = [verdict for verdict in said if verdict.verdict == "fail"]
        if failed:
            raise Ended("gate_failed", "; ".join(f"gate {v.gate}: {v.summary}" for v in failed))

    async def _ask(self, task: Task, attempt: Attempt, gates: list[Gate]) -> None:
        for gate in gates:
            for _ in range(_TRIES):
                if verdict := await self._one(task, attempt, gate):
                    break
            else:
                raise Ended("gate_error", f"gate {gate.name}: its supervisor was killed {_TRIES} times")
            self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=verdict))
            await self._ledger.settled()

    async def _one(self, task: Task, attempt: Attempt, gate: Gate) -> Verdict | None:
        """One gate, on a checkout nobody used before it. None when it was cut short, which says nothing of the commit."""
        depot = self._crew.depot
        assert depot is not None
        logs = self._crew.place(attempt.id) / "gates"
        logs.mkdir(parents=True, exist_ok=True)
        earlier = list(logs.iterdir())
        for place in earlier:  # what a killed engine left at work must not go on beside us
            self._crew.launcher.cancel(place)
            await self._crew.launcher.adopt(place)
        place = logs / f"{len(earlier) + 1}-{gate.name}"
        name = f"{attempt.id}.gate"
        checkout = await self._crew.offload(depot.checkout, name, attempt.proposal)
        try:
            return await gate.judge(task, attempt.proposal, checkout, place)
        except asyncio.CancelledError:
            self._crew.launcher.cancel(place)  # a gate costs nothing to repeat; an agent would be left to finish
            raise
        finally:
            await self._crew.offload(depot.discard, name)
