"""A gate's word, weighed: told again where it may be chance, and held against the base where that fails too."""

from __future__ import annotations

import msgspec

from chargehand.engine.baseline import Baseline, Hear
from chargehand.engine.crew import Crew
from chargehand.model.config import GateConfig
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.plan.cards import Attempt
from chargehand.ports import Gate

_NAMED = 5


class Rechecking:
    def __init__(self, crew: Crew, baseline: Baseline, hear: Hear) -> None:
        self._crew, self._baseline, self._hear = crew, baseline, hear

    async def verdict(self, task: Task, attempt: Attempt, gate: Gate) -> Verdict:
        """What the gate says of the attempt's proposal, after all."""
        said = await self._hear(task, attempt.id, attempt.proposal, gate)
        settings = self._crew.config.gates.get(gate.name)
        if settings is None:
            return said
        if settings.baseline or said.tests is not None:
            self._baseline.keep(settings, said)  # landed, it is the base of others
        if said.tests is not None:
            said = msgspec.structs.replace(said, tests=msgspec.structs.replace(said.tests, ids=()))  # too many for the ledger
        said = await self._again(task, attempt, gate, settings, said)
        if said.verdict == "fail" and settings.baseline:
            return await self._compared(task, attempt, gate, settings, said)
        return said

    async def _again(self, task: Task, attempt: Attempt, gate: Gate, settings: GateConfig, first: Verdict) -> Verdict:
        """A failure that does not come again is no failure, but it is told: both outcomes are in the evidence."""
        for number in range(settings.retries if first.verdict == "fail" else 0):
            said = await self._hear(task, attempt.id, attempt.proposal, gate)
            if said.verdict == "pass":
                evidence = f"try 1: fail, {first.summary}\n{first.evidence}\ntry {number + 2}: pass, {said.summary}"
                summary = f"flaky: passed at try {number + 2}, on the same commit ({first.summary} before)"
                return msgspec.structs.replace(said, summary=summary, evidence=evidence)
        return first

    async def _compared(self, task: Task, attempt: Attempt, gate: Gate, settings: GateConfig, said: Verdict) -> Verdict:
        """Failures the base has too are not this change's. Only where all failures of both are known by name."""
        if said.tests is None or not said.tests.named:
            return said
        ground = attempt.ground or attempt.proposal_base
        base = await self._baseline.said(task, attempt.id, gate, settings, ground)
        if base.verdict != "fail" or base.tests is None or not base.tests.named:
            return said
        new = [name for name in said.tests.failures if name not in base.tests.failures]
        old = len(said.tests.failures) - len(new)
        short = ground[:12]
        if new:
            shown = ", ".join(new[:_NAMED]) + (f" and {len(new) - _NAMED} more" if len(new) > _NAMED else "")
            return msgspec.structs.replace(
                said, summary=f"{len(new)} new: {shown}; {old} failed on the base as well ({said.summary})"
            )
        summary = f"nothing new fails: {old} failed on the base {short} as well ({said.summary})"
        return msgspec.structs.replace(said, verdict="pass", summary=summary, evidence="\n".join(said.tests.failures))
