"""Landing: candidates in order onto the target's tip, by compare-and-swap, and only what was judged.

A commit judged on the very tip it lands on lands as it is. When the target moved, or others are about to land, the change is merged
onto what will be there without a checkout, judged again as merged, and only then landed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.judging import Judge
from chargehand.engine.ledger import Ledger
from chargehand.engine.regenerating import settle
from chargehand.engine.specfile import SpecFile
from chargehand.engine.train import Car, Train
from chargehand.model.errors import NeedsHuman
from chargehand.model.facts import AttemptQueued, CandidateMade, Noticed, TargetDelivered, TargetMoved, TaskLanded
from chargehand.model.task import Task
from chargehand.plan.board import Attempt
from chargehand.ports import Conflict, Depot
from chargehand.spec.writeback import mark

T = TypeVar("T")

_TRIES = 100
"""How often a target that keeps moving is followed before a person is asked."""


class Landing:
    """The merge queue. ``lock`` is held by whoever moves the target."""

    def __init__(self, crew: Crew, ledger: Ledger, judge: Judge, spec_file: SpecFile) -> None:
        self._crew, self._ledger, self._judge, self._spec_file = crew, ledger, judge, spec_file
        self._lock = asyncio.Lock()
        self._train = Train()
        self._pending_told = ""

    @property
    def _depot(self) -> Depot:
        assert self._crew.depot is not None
        return self._crew.depot

    async def tip(self) -> str:
        """The target's tip, after a look at the user's repository."""
        seen = await self._crew.offload(self._depot.refresh)
        if not seen.diverged:
            self._train.moved(seen.tip)
            return seen.tip
        async with self._lock:
            return await self._refresh()

    async def spec_is_tracked(self) -> bool:
        """Whether landed commits carry the spec; otherwise its file is ticked in place."""
        if self._crew.depot is None or (self._crew.config.evidence == "exit" and self._crew.config.workspace == "in-place"):
            return False
        return await self._crew.offload(self._depot.read, await self.tip(), self._crew.spec.all_files()[0]) is not None

    async def _refresh(self) -> str:
        seen = await self._crew.offload(self._depot.refresh)
        if not seen.diverged:
            if seen.moved:
                self._ledger.record(TargetMoved(old="", new=seen.tip))
            self._train.moved(seen.tip)
            return seen.tip
        replayed = await self._crew.offload(self._depot.replay)
        if isinstance(replayed, Conflict):
            raise await self._handed_over(f"conflicts with it in {', '.join(replayed.files)}", "settle the conflict")
        red = [verdict for verdict in await self._judge.verdicts(replayed) if verdict.verdict != "pass"]
        if red:
            said = "; ".join(f"gate {verdict.gate}: {verdict.summary}" for verdict in red)
            raise await self._handed_over(f"does not pass together with it: {said}", "mend it")
        if not await self._crew.offload(self._depot.adopt_replay, replayed, seen.tip):
            return await self._refresh()
        await self._note_replay(seen.tip, replayed)
        self._train.moved(replayed)
        await self._deliver()
        return replayed

    async def _note_replay(self, old: str = "", new: str = "") -> None:
        """Record under which names landed work lies on the target now. Without ``new``: if a crash kept an engine from doing so."""
        commits = dict(await self._crew.offload(self._depot.renamed))
        if commits or new:
            tip = new or next(iter(commits.values()))
            self._ledger.record(TargetMoved(old=old, new=tip, replayed=len(commits), commits=commits))
            await self._ledger.settled()
        await self._crew.offload(self._depot.renames_noted)

    async def _handed_over(self, problem: str, mend: str) -> NeedsHuman:
        """The error for pending work only the user can join with his own; his repository has it, for the command told."""
        offered = await self._crew.offload(self._depot.deliver)
        return NeedsHuman(
            f"{self._crew.config.target} moved, and landed work that was still pending {problem}",
            hint=f"{offered.command}, {mend}, commit, then run again",
        )

    async def propose(self, task: Task, attempt: Attempt, commit: str, base: str, tree: str = "") -> str:
        """A commit on ``base`` with the work of ``commit`` (or its merge, ``tree``) and the task ticked in the spec.

        The spec file is ours: whatever the agent did to it is replaced by the target's own text with this one task ticked.
        """
        spec, replace = self._crew.spec, {}
        told, done = self._told(task)
        own = spec.file_of(told)
        for path in {own, *spec.all_files()}:
            text = await self._crew.offload(self._depot.read, base, path)
            if text is not None:
                replace[path] = (self._marked(text, told, done) if path == own else None) or text
        parents = [base, commit] if self._crew.config.landing == "merge" and commit != base else [base]
        return await self._crew.offload(
            self._depot.propose, tree or commit, parents, message(task, self._ledger.board.run, attempt), replace
        )

    def _told(self, task: Task) -> tuple[Task, bool]:
        """Of which task the spec is told, and whether that is done: of one that was taken back, that it is not."""
        card = self._ledger.board.cards.get(task.id)
        undone = self._crew.spec.task(card.about) if card and card.kind == "undo" else None
        return (undone, False) if undone else (task, True)

    def _marked(self, text: bytes, task: Task, done: bool) -> bytes | None:
        return mark(text, task.id, "done" if done else "todo", done, self._crew.spec.format)

    async def catch_up(self, task: Task, attempt: Attempt) -> None:
        """Put a proposal nobody has judged onto the tip, if the target has moved already: judged on the old base it would only have
        to be judged again. Raises :class:`Ended` when it cannot be merged."""
        if any(verdict.commit == attempt.proposal for verdict in attempt.verdicts):
            return
        tip = await self.tip()
        if attempt.proposal_base != tip and not await self._crew.offload(self._depot.contains, attempt.proposal):
            await self._move_onto(tip, task, attempt)

    async def land(self, task: Task, attempt: Attempt) -> None:
        """Land a judged attempt. Raises :class:`Ended` when it cannot be merged or no longer passes on the new tip."""
        if not attempt.queued:
            self._ledger.record(AttemptQueued(task=task.id, attempt=attempt.id))
        car = self._train.join()
        try:
            for _ in range(_TRIES):
                if await self._built(car, task, attempt) or await self._arrived(car, task, attempt):
                    return
        finally:
            self._train.leave(car)
        raise Ended("error", f"{self._crew.config.target} moved {_TRIES} times while this task tried to land")

    async def _built(self, car: Car, task: Task, attempt: Attempt) -> bool:
        """Put the attempt onto what is ahead of it, and have that judged, until it is the first to land.

        True when it had landed already, just before a crash that kept us from noting it. Raises :class:`Ended` when it cannot be
        merged or does not pass, and that is not the doing of something ahead that does not land either.
        """
        while True:
            car.candidate, car.aside = "", False
            base = await self._base(car)
            if attempt.proposal_base != base and await self._crew.offload(self._depot.contains, attempt.proposal):
                async with self._lock:
                    self._note(task, attempt)
                    await self._follow(task, attempt)
                return True
            try:
                if attempt.proposal_base != base:
                    await self._move_onto(base, task, attempt)
                car.candidate = attempt.proposal
                self._train.moved()
                stands = await self._judged(car, base, task, attempt)
            except Ended:
                car.candidate, car.aside = "", True
                self._train.moved()
                if await self._train.first(car, base):
                    raise
                continue
            if stands and await self._train.first(car, base):
                return False

    async def _base(self, car: Car) -> str:
        """What the next candidate is to be made on."""
        while ahead := self._train.ahead(car):
            if ahead.candidate:
                return ahead.candidate
            await self._train.change()
        return await self.tip()

    async def _judged(self, car: Car, base: str, task: Task, attempt: Attempt) -> bool:
        """Judge; False when what the candidate was built on is gone meanwhile. After a crash even a queued one may not have heard
        every gate."""
        judging = asyncio.ensure_future(self._judge.judge(task, attempt))
        lost = asyncio.ensure_future(self._train.lost(car, base))
        try:
            await asyncio.wait({judging, lost}, return_when=asyncio.FIRST_COMPLETED)
            if judging.done():
                judging.result()
            return judging.done()
        finally:
            for one in (judging, lost):
                one.cancel()
            await asyncio.gather(judging, lost, return_exceptions=True)

    async def _arrived(self, car: Car, task: Task, attempt: Attempt) -> bool:
        """Land the first car; False when the target is no longer where its candidate stands."""
        async with self._lock:
            tip = await self._refresh()
            if attempt.proposal_base != tip:
                return False
            if not await unbroken(self._move_target(task, attempt, attempt.proposal, tip)):
                return False
            self._train.moved(attempt.proposal)
            self._train.leave(car)
            await self._follow(task, attempt)
            return True

    async def land_nothing(self, task: Task, attempt: Attempt) -> None:
        """A task whose evidence is its exit code: only the spec's tick is landed, if git carries the spec."""
        if self._crew.depot is None or self._crew.config.workspace == "in-place":
            self._ledger.record(TaskLanded(task=task.id, attempt=attempt.id))
            self._spec_file.tick(task.id)
            return
        async with self._lock:
            for _ in range(_TRIES):
                tip = await self._refresh()
                proposal = await self.propose(task, attempt, tip, tip)
                if not await self._crew.offload(self._depot.changed, tip, proposal):
                    self._ledger.record(TaskLanded(task=task.id, attempt=attempt.id))
                    self._spec_file.tick(task.id)
                    return
                self._ledger.record(CandidateMade(task=task.id, attempt=attempt.id, proposal=proposal, base=tip))
                await self._ledger.settled()
                if await unbroken(self._move_target(task, attempt, proposal, tip)):
                    await self._follow(task, attempt)
                    return
        raise Ended("error", f"{self._crew.config.target} moved {_TRIES} times while this task tried to land")

    async def _move_onto(self, tip: str, task: Task, attempt: Attempt) -> None:
        merged = await self._crew.offload(self._depot.merge, attempt.base, tip, await self._work_of(attempt))
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

    async def _move_target(self, task: Task, attempt: Attempt, proposal: str, tip: str) -> bool:
        """Land, and note it: a landing nobody noted could be replayed under another name and not be recognized any more."""
        landed = await self._crew.offload(self._depot.land, proposal, tip)
        if landed:
            self._note(task, attempt)
        return landed

    def _note(self, task: Task, attempt: Attempt) -> None:
        self._ledger.record(TaskLanded(task=task.id, attempt=attempt.id, commit=attempt.proposal))

    async def _follow(self, task: Task, attempt: Attempt) -> None:
        """What follows a landing: the user's repository has it, and the spec says so."""
        await self._ledger.settled()
        await self._deliver()
        told, done = self._told(task)
        text = await self._crew.offload(self._depot.read, attempt.proposal, self._crew.spec.file_of(told))
        if text is None or self._marked(text, told, done) is None:
            self._spec_file.tick(told.id, done=done)

    async def _deliver(self) -> None:
        delivery = await self._crew.offload(self._depot.deliver)
        tip = (await self._crew.offload(self._depot.refresh)).tip
        self._ledger.record(TargetDelivered(commit=tip, how=delivery.how, command=delivery.command))
        if delivery.command and delivery.command != self._pending_told:
            self._pending_told = delivery.command
            self._ledger.record(
                Noticed(
                    level="warning",
                    message=f"your checkout of {self._crew.config.target} has changes of its own; landed work waits beside it",
                    hint=f"to take it over: {delivery.command}",
                )
            )

    async def note(self, attempts: Iterable[Attempt]) -> None:
        """Record what landed, and what was replayed, just before a crash kept us from noting it.

        To be called before anything else: should the user have committed since, what landed is put on his tip as another commit,
        and cannot be recognized any more.
        """
        for attempt in attempts:
            landed = bool(attempt.proposal) and await self._crew.offload(self._depot.contains, attempt.proposal)
            if landed:
                self._ledger.record(TaskLanded(task=attempt.task, attempt=attempt.id, commit=attempt.proposal))
        await self._ledger.settled()
        await self._note_replay()

    async def deliver_leftovers(self) -> None:
        """What landed before a crash, or while the checkout was dirty, may be delivered now."""
        async with self._lock:
            await self._refresh()
            seen = await self._crew.offload(self._depot.refresh)
            if seen.tip != seen.user_tip and not seen.diverged:
                await self._deliver()


async def unbroken(work: Coroutine[None, None, T]) -> T:
    """Do all of it, also when it is cancelled on the way; the cancellation counts afterwards."""
    whole = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(whole)
    except asyncio.CancelledError:
        await whole
        raise


def message(task: Task, run: str, attempt: Attempt) -> str:
    """The landed commit's message."""
    return (
        f"{task.id}: {task.title}\n\n"
        f"Chargehand-Task: {task.id}\nChargehand-Run: {run}\nChargehand-Attempt: {attempt.number}\n"
    )  # fmt: skip
