"""Looking at a change before any of it is run: every inspector, in the depot, without a checkout.

It takes milliseconds and always comes out the same, so after a crash it is done again. Only objections are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from chargehand.engine.crew import Crew
from chargehand.engine.ledger import Ledger
from chargehand.model.facts import VerdictGiven
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.plan.cards import Attempt
from chargehand.ports import Change, Inspector, Sight

_TOO_MUCH = "inspect.size"


class Inspecting:
    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger

    async def rejected(self, task: Task, attempt: Attempt) -> list[Verdict]:
        """What inspectors object to in the attempt's proposal."""
        if not self._crew.inspectors:
            return []
        depot = self._crew.depot
        assert depot is not None
        change = await change_of(self._crew, task, attempt)
        said = await self._crew.offload(look, self._crew.inspectors, change, depot)
        rejected = [verdict for verdict in said if verdict.verdict != "pass"]
        for verdict in rejected:
            if not attempt.judged(verdict.gate):
                self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=verdict))
        if rejected:
            await self._ledger.settled()
        return rejected


async def change_of(crew: Crew, task: Task, attempt: Attempt) -> Change:
    """The attempt's proposal, as inspectors see it."""
    depot = crew.depot
    assert depot is not None
    changed = await crew.offload(depot.changed, attempt.proposal_base, attempt.proposal)
    ours = frozenset(crew.spec.all_files())
    files = tuple(path for path in changed if path not in ours)
    return Change(task=task, base=attempt.proposal_base, commit=attempt.proposal, files=files)


def look(inspectors: Sequence[Inspector], change: Change, sight: Sight) -> list[Verdict]:
    """Every inspector's verdict. Where there is too much to look at, nobody looks further."""
    said: list[Verdict] = []
    kept = Memory(sight)
    for inspector in inspectors:
        said.append(inspector.inspect(change, kept))
        if said[-1].gate == _TOO_MUCH and said[-1].verdict == "fail":
            break
    return said


class Memory:
    """A `Sight` that is asked for the same thing only once."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._files: dict[tuple[str, str], bytes | None] = {}
        self._lists: dict[str, dict[str, tuple[str, int]]] = {}

    def read(self, commit: str, path: str) -> bytes | None:
        if (commit, path) not in self._files:
            self._files[commit, path] = self._sight.read(commit, path)
        return self._files[commit, path]

    def list(self, commit: str) -> dict[str, tuple[str, int]]:
        if commit not in self._lists:
            self._lists[commit] = self._sight.list(commit)
        return self._lists[commit]

    def patch(self, base: str, commit: str) -> str:
        return self._sight.patch(base, commit)
