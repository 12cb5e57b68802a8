"""A change that passed, held against its base: as many tests must be collected as there, and the base's own tests must still pass.

Both are verdicts of their own. They are wanted before a change joins the queue. In the queue it is only held against what is known
of its new base: what it stands on there is being judged at the same time, and gates may speak for several changes at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chargehand.engine.baseline import Baseline, Hear
from chargehand.engine.crew import Crew
from chargehand.engine.inspecting import Memory, change_of
from chargehand.engine.ledger import Ledger
from chargehand.gates.inspect import collected
from chargehand.gates.inspect.judged import PREFIX
from chargehand.gates.inspect.tampering import guarded
from chargehand.model.facts import VerdictGiven
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.plan.cards import Attempt
from chargehand.ports import Change, Gate, Sight

BASE = PREFIX + "base"
_NAMED = 5


class Comparing:
    def __init__(self, crew: Crew, ledger: Ledger, baseline: Baseline, hear: Hear) -> None:
        self._crew, self._ledger, self._baseline, self._hear = crew, ledger, baseline, hear

    async def objections(self, task: Task, attempt: Attempt, gates: Sequence[Gate]) -> list[Verdict]:
        """What speaks against a proposal that all these gates let pass. It is recorded."""
        depot, off = self._crew.depot, self._crew.config.inspect.off
        if depot is None or {"collected", "base"} <= set(off) or not any(self._runs_tests(gate, attempt) for gate in gates):
            return []
        change, sight = await change_of(self._crew, task, attempt), Memory(depot)
        said: list[Verdict] = []
        if "collected" not in off and (one := await self._fewer(task, attempt, gates, change, sight)):
            said.append(one)
        if "base" not in off and not attempt.queued and (one := await self._with_its_tests(task, attempt, gates, change, sight)):
            said.append(one)
        for verdict in said:
            if not attempt.judged(verdict.gate):
                self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=verdict))
        if said:
            await self._ledger.settled()
        return [verdict for verdict in said if verdict.verdict != "pass"]

    async def _fewer(self, task: Task, attempt: Attempt, gates: Sequence[Gate], change: Change, sight: Sight) -> Verdict | None:
        """Of the first gate that has an objection. The base is judged only where the change's own tests are counted."""
        for gate in gates:
            settings, now = self._crew.config.gates.get(gate.name), attempt.judged(gate.name)
            if settings is None or now is None:
                continue
            known = self._baseline.known(settings, gate.name, change.commit)
            mine = known.tests if known else now.tests
            if mine is None:
                continue
            base = self._baseline.known(settings, gate.name, change.base)
            if base is None and not attempt.queued:
                base = await self._baseline.said(task, attempt.id, gate, settings, change.base)
            if (
                base
                and base.tests
                and (objection := await self._crew.offload(collected.weigh, gate.name, base.tests, mine, change, sight))
            ):
                return objection
        return None

    async def _with_its_tests(
        self, task: Task, attempt: Attempt, gates: Sequence[Gate], change: Change, sight: Sight
    ) -> Verdict | None:
        """The gates that run tests, on the change with the tests of its base, where it touched some that its task does not name."""
        if said := attempt.judged(BASE):
            return said
        tests = await self._crew.offload(guarded, change, sight)
        wanted = [gate for gate in gates if self._runs_tests(gate, attempt)]
        if not tests or not wanted:
            return None
        names = ", ".join(sorted(tests)[:_NAMED]) + (f" and {len(tests) - _NAMED} more" if len(tests) > _NAMED else "")
        other = await self._put_back(change, tests)
        before: Verdict | None = None
        for gate in wanted:
            before = await self._hear(task, attempt.id, other, gate)
            if before.verdict != "pass":
                summary = f"gate {gate.name} does not pass with {names} as it was: {before.summary}"
                hint = "\n(a change of tests is for a task that names their files)"
                return Verdict(
                    gate=BASE,
                    commit=change.commit,
                    verdict="fail",
                    summary=summary,
                    evidence=before.evidence + hint,
                    log=before.log,
                    duration_s=before.duration_s,
                    tests=before.tests,
                )
        return Verdict(gate=BASE, commit=change.commit, verdict="pass", summary=f"passes with {names} as it was too")

    async def _put_back(self, change: Change, tests: Mapping[str, bytes]) -> str:
        depot = self._crew.depot
        assert depot is not None
        message = "with the tests of its base"
        return await self._crew.offload(depot.propose, change.commit, [change.commit], message, dict(tests))

    def _runs_tests(self, gate: Gate, attempt: Attempt) -> bool:
        settings, said = self._crew.config.gates.get(gate.name), attempt.judged(gate.name)
        if settings is None or settings.tests == "change":
            return False
        return settings.tests == "base" or (said is not None and said.tests is not None)
