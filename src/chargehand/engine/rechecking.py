"""A gate's word, weighed: told again where it may be chance, held against the base where that fails too, and asked once more with
the tests as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from chargehand.engine.crew import Crew
from chargehand.engine.inspecting import Memory, change_of
from chargehand.gates.inspect.tampering import guarded
from chargehand.model.config import GateConfig
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.plan.board import Attempt
from chargehand.ports import Gate
from chargehand.process.files import write_private

Hear = Callable[[Task, str, str, Gate], Awaitable[Verdict]]
"""One gate's verdict of a commit, for a task, under a name."""

_NAMED = 5
_KEPT = 200


class Rechecking:
    def __init__(self, crew: Crew, hear: Hear) -> None:
        self._crew, self._hear = crew, hear

    async def verdict(self, task: Task, attempt: Attempt, gate: Gate) -> Verdict:
        """What the gate says of the attempt's proposal, after all."""
        said = await self._hear(task, attempt.id, attempt.proposal, gate)
        settings = self._crew.config.gates.get(gate.name)
        if settings is None:
            return said
        if settings.baseline:
            self._keep(settings, said)  # landed, it is the base of others
        said = await self._again(task, attempt, gate, settings, said)
        if said.verdict == "fail" and settings.baseline:
            return await self._compared(task, attempt, gate, settings, said)
        if said.verdict == "pass" and settings.tests == "base":
            return await self._with_its_tests(task, attempt, gate, said)
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
        base = self._kept(settings, gate.name, ground)
        if base is None:
            base = await self._hear(task, attempt.id, ground, gate)
            self._keep(settings, base)
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

    async def _with_its_tests(self, task: Task, attempt: Attempt, gate: Gate, said: Verdict) -> Verdict:
        """The change has to pass with the tests of its base as well, unless it is about them."""
        depot = self._crew.depot
        assert depot is not None
        change = await change_of(self._crew, task, attempt)
        tests = await self._crew.offload(guarded, change, Memory(depot))
        if not tests:
            return said
        message = "with the tests of its base"
        other = await self._crew.offload(depot.propose, attempt.proposal, [attempt.proposal], message, tests)
        before = await self._hear(task, attempt.id, other, gate)
        names = ", ".join(sorted(tests)[:_NAMED])
        if before.verdict == "pass":
            return msgspec.structs.replace(said, summary=f"{said.summary}; also with {names} as it was")
        summary = f"does not pass with {names} as it was: {before.summary}"
        return msgspec.structs.replace(before, commit=attempt.proposal, summary=summary)

    def _place(self, settings: GateConfig, gate: str, commit: str) -> Path:
        key = hashlib.blake2b(msgspec.json.encode([gate, settings]), digest_size=8).hexdigest()
        return self._crew.state / "baseline" / f"{commit}-{key}.json"

    def _keep(self, settings: GateConfig, said: Verdict) -> None:
        if said.verdict in {"pass", "fail"}:
            place = self._place(settings, said.gate, said.commit)
            write_private(place, msgspec.json.encode(said).decode())
            known = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in known[_KEPT:]:
                old.unlink(missing_ok=True)

    def _kept(self, settings: GateConfig, gate: str, commit: str) -> Verdict | None:
        try:
            return msgspec.json.decode(self._place(settings, gate, commit).read_bytes(), type=Verdict)
        except (OSError, msgspec.MsgspecError):
            return None
