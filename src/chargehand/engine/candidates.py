"""Candidates: what an attempt would make of the target, as a commit made without a checkout."""

from __future__ import annotations

from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.ledger import Ledger
from chargehand.engine.regenerating import settle
from chargehand.model.facts import CandidateMade
from chargehand.model.task import Task
from chargehand.plan.cards import Attempt
from chargehand.ports import Conflict, Depot
from chargehand.spec.writeback import mark


class Candidates:
    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger

    @property
    def _depot(self) -> Depot:
        assert self._crew.depot is not None
        return self._crew.depot

    async def propose(self, task: Task, attempt: Attempt, commit: str, base: str, tree: str = "") -> str:
        """A commit on ``base`` with the work of ``commit`` (or its merge, ``tree``) and the task ticked in the spec.

        The spec file is ours: whatever the agent did to it is replaced by the target's own text with this one task ticked.
        """
        spec, replace = self._crew.spec, {}
        told, done = self.told(task)
        own = spec.file_of(told)
        for path in {own, *spec.all_files()}:
            text = await self._crew.offload(self._depot.read, base, path)
            if text is not None:
                replace[path] = (self.marked(text, told, done) if path == own else None) or text
        parents = [base, commit] if self._crew.config.landing == "merge" and commit != base else [base]
        return await self._crew.offload(
            self._depot.propose, tree or commit, parents, message(task, self._ledger.board.run, attempt), replace
        )

    def told(self, task: Task) -> tuple[Task, bool]:
        """Of which task the spec is told, and whether that is done: of one that was taken back, that it is not."""
        card = self._ledger.board.cards.get(task.id)
        undone = self._crew.spec.task(card.about) if card and card.kind == "undo" else None
        return (undone, False) if undone else (task, True)

    def marked(self, text: bytes, task: Task, done: bool) -> bytes | None:
        """The text of a spec file with that task ticked, or not any more; None when it is not in there."""
        return mark(text, task.id, "done" if done else "todo", done, self._crew.spec.format)

    async def move_onto(self, tip: str, task: Task, attempt: Attempt) -> None:
        """Make the proposal anew on ``tip``. Raises :class:`Ended` when it cannot be merged, or nothing is left of it."""
        merged = await self.merged(tip, attempt)
        if isinstance(merged, Conflict):
            merged = await settle(self._crew, merged, task, attempt, tip)
        if isinstance(merged, Conflict):
            names = ", ".join(merged.files)
            raise Ended("conflict", f"conflicts with what landed meanwhile in {names}", f"Changed by both: {names}")
        proposal = await self.propose(task, attempt, attempt.commit, tip, merged)
        if not await self._crew.offload(self._depot.changed, tip, proposal):
            raise Ended("empty", "everything it changed has landed meanwhile")
        self._ledger.record(CandidateMade(task=task.id, attempt=attempt.id, proposal=proposal, base=tip))
        await self._ledger.settled()

    async def merged(self, tip: str, attempt: Attempt) -> str | Conflict:
        """The tree of what it did, on ``tip``."""
        return await self._crew.offload(self._depot.merge, attempt.base, tip, await self._work_of(attempt))

    async def _work_of(self, attempt: Attempt) -> str:
        """The attempt's commit as it goes into a merge: with the base's spec, so that ticks of neighbours never conflict."""
        replace = {}
        for path in set(self._crew.spec.all_files()).intersection(attempt.files):
            text = await self._crew.offload(self._depot.read, attempt.base, path)
            if text is not None:
                replace[path] = text
        if not replace:
            return attempt.commit
        return await self._crew.offload(self._depot.propose, attempt.commit, [attempt.base], "without its spec", replace)


def message(task: Task, run: str, attempt: Attempt) -> str:
    """The landed commit's message."""
    return (
        f"{task.id}: {task.title}\n\n"
        f"Chargehand-Task: {task.id}\nChargehand-Run: {run}\nChargehand-Attempt: {attempt.number}\n"
    )  # fmt: skip
