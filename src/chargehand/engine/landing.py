"""Landing: candidates in order onto the target's tip, by compare-and-swap, and only what was judged.

A commit judged on the very tip it lands on lands as it is. When the target moved, or others are about to land, the change is merged
onto what will be there without a checkout, judged again as merged, and only then landed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import TypeVar

from chargehand.engine.candidates import Candidates
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.judging import Judge
from chargehand.engine.ledger import Ledger
from chargehand.engine.radar import Radar
from chargehand.engine.specfile import SpecFile
from chargehand.engine.train import Car, Train
from chargehand.model.errors import NeedsHuman
from chargehand.model.facts import AttemptQueued, CandidateMade, Noticed, TargetDelivered, TargetMoved, TaskLanded, VerdictGiven
from chargehand.model.task import Task
from chargehand.plan.cards import Attempt
from chargehand.plan.queueing import Claim, Reach, meet
from chargehand.plan.terms import judged_by
from chargehand.ports import Conflict, Depot

T = TypeVar("T")

_TRIES = 100
"""How often a target that keeps moving is followed before a person is asked."""


class Landing:
    """The merge queue. ``lock`` is held by whoever moves the target."""

    def __init__(self, crew: Crew, ledger: Ledger, judge: Judge, spec_file: SpecFile, radar: Radar) -> None:
        self._crew, self._ledger, self._judge, self._spec_file, self._radar = crew, ledger, judge, spec_file, radar
        self.candidates = Candidates(crew, ledger)
        self._lock = asyncio.Lock()
        lanes = crew.config.rejudge == "overlap"
        alone = lanes or bool(crew.config.approval.gates)  # a person is asked about a change, not about a group
        self._train = Train(most=1 if alone else crew.config.group, lanes=lanes)
        self._gates = frozenset(gate.name for gate in crew.gates)
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

    async def catch_up(self, task: Task, attempt: Attempt) -> None:
        """Put a proposal nobody has judged onto the tip, if the target has moved already: judged on the old base it would only have
        to be judged again. It waits for what is further along and conflicts with it. Raises :class:`Ended` when it cannot be
        merged."""
        if any(verdict.commit == attempt.proposal for verdict in attempt.verdicts):
            return
        await self._give_way(attempt)
        tip = await self.tip()
        if attempt.proposal_base != tip and not await self._crew.offload(self._depot.contains, attempt.proposal):
            await self.candidates.move_onto(tip, task, attempt)

    async def _give_way(self, attempt: Attempt) -> None:
        """Whether it has to be done again, those about to land decide; no gate needs to hear of it before."""
        looked = {""}
        for car in list(self._train.cars):
            shared = set(car.attempt.files).intersection(attempt.files)
            while shared and car in self._train.cars and not car.aside:
                if car.candidate in looked:
                    await self._train.change()
                    continue
                looked.add(car.candidate)
                if car.candidate and not isinstance(await self.candidates.merged(car.candidate, attempt), Conflict):
                    break

    async def land(self, task: Task, attempt: Attempt) -> None:
        """Land a judged attempt. Raises :class:`Ended` when it cannot be merged or no longer passes on the new tip."""
        if not attempt.queued:
            self._ledger.record(AttemptQueued(task=task.id, attempt=attempt.id))
        car = self._car(task, attempt)
        self._train.join(car)
        try:
            for _ in range(_TRIES):
                if await self._built(car) or await self._arrived(car):
                    return
        finally:
            self._train.leave(car)
        raise Ended("error", f"{self._crew.config.target} moved {_TRIES} times while this task tried to land")

    def _car(self, task: Task, attempt: Attempt) -> Car:
        board = self._ledger.board
        others = self._radar.seen | {one.task: frozenset(one.files) for one in board.live_attempts() if one.files}
        claim = Claim(
            redone=-sum(failure.outcome == "conflict" for failure in board.cards[task.id].failures),
            rivals=sum(name != task.id and not files.isdisjoint(attempt.files) for name, files in others.items()),
            worked_s=-board.cards[task.id].working_s,
        )
        kind = frozenset(name for name in self._gates if judged_by(task, name))
        reach = Reach(attempt.files, task.touches)
        meets = {one for one in self._train.cars if meet(one.reach, reach)} if self._train.lanes else None
        return Car(task, attempt, claim, reach, kind, meets)

    async def _built(self, car: Car) -> bool:
        """Put the attempt onto what is ahead of it, and have that judged, until it is to land.

        True when it has landed already: with one behind it, or just before a crash that kept us from noting it. Raises
        :class:`Ended` when it cannot be merged or does not pass, and that is not the doing of something ahead that does not land
        either.
        """
        task, attempt = car.task, car.attempt
        while not car.landed:
            car.begin()
            base = await self._base(car)
            if attempt.proposal_base != base and await self._crew.offload(self._depot.contains, attempt.proposal):
                async with self._lock:
                    self._note(attempt, attempt.proposal)
                    await self._follow(attempt.proposal, task)
                return True
            try:
                if attempt.proposal_base != base and not await self._apart(car, base):
                    await self.candidates.move_onto(base, task, attempt)
                car.candidate = attempt.proposal
                self._train.moved()
                stands = await self._judged(car, base)
            except Ended:
                car.step_aside()
                self._train.moved()
                if await self._train.first(car, base):
                    raise
                continue
            if stands and await self._train.due(car, base):
                return False
        await self._ledger.settled()
        return True

    async def _base(self, car: Car) -> str:
        """What the next candidate is to be made on."""
        while ahead := self._train.ahead(car):
            if ahead.candidate:
                return ahead.candidate
            await self._train.change()
        return await self.tip()

    async def _judged(self, car: Car, base: str) -> bool:
        """Have it judged, by itself or with others; False when what it was built on is gone meanwhile, or it has landed. After a
        crash even a queued one may not have heard every gate."""
        heard = self._judge.heard(car.task, car.attempt)
        if heard:
            car.mark = "asked"
        elif self._train.most > 1:
            await self._judge.look(car.task, car.attempt)  # gates may speak for several, inspectors never do
        car.seen = True
        self._train.moved()
        if not await self._train.turn(car, base):
            return False
        car.attempt.ground = self._train.group(car)[0].attempt.proposal_base
        try:
            stands = await self._heard(car, base)
        except Ended:
            self._train.told(car, passed=False, counts=not heard)
            if await self._train.blamed(car, base):
                raise
            return False
        if stands:
            self._train.told(car, passed=True, counts=not heard)
        return stands

    async def _heard(self, car: Car, base: str) -> bool:
        """Judge; False when what the candidate was built on is gone meanwhile."""
        judging = asyncio.ensure_future(self._judge.judge(car.task, car.attempt))
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

    async def _arrived(self, car: Car) -> bool:
        """Land a car, and those it speaks for; False when the target is no longer where their candidates stand."""
        async with self._lock:
            tip, group, old = await self._refresh(), self._train.group(car), car.candidate
            if old and car.attempt.proposal_base != tip and await self._apart(car, tip):
                await self.candidates.move_onto(tip, car.task, car.attempt)
                car.candidate = car.attempt.proposal
            await self._vouch(group)
            if self._train.group(car) != group or not chained(tip, group):
                return False
            if not await unbroken(self._board(group, tip)):
                return False
            self._train.past.add(old)
            await self._follow(car.candidate, *(one.task for one in group))
            return True

    async def _apart(self, car: Car, tip: str) -> bool:
        """Whether what came onto the target since it was judged cannot touch it, and is not to have it judged again."""
        if not self._train.lanes or not self._judge.heard(car.task, car.attempt) or self._train.ahead(car) is not None:
            return False
        moved = await self._crew.offload(self._depot.changed, car.attempt.proposal_base, tip)
        ours = self._crew.spec.all_files()
        return not meet(car.reach, Reach([path for path in moved if path not in ours]))

    async def _vouch(self, group: list[Car]) -> None:
        """Note for those that are carried what was said of the commit they land with."""
        top = group[-1]
        for car in group[:-1]:
            for verdict in top.attempt.said:
                if verdict.commit == top.candidate and verdict.gate in self._gates:
                    self._ledger.record(VerdictGiven(task=car.task.id, attempt=car.attempt.id, verdict=verdict))
        if len(group) > 1:
            await self._ledger.settled()

    async def land_nothing(self, task: Task, attempt: Attempt) -> None:
        """A task whose evidence is its exit code: only the spec's tick is landed, if git carries the spec."""
        if self._crew.depot is None or self._crew.config.workspace == "in-place":
            self._ledger.record(TaskLanded(task=task.id, attempt=attempt.id))
            self._spec_file.tick(task.id)
            return
        async with self._lock:
            for _ in range(_TRIES):
                tip = await self._refresh()
                proposal = await self.candidates.propose(task, attempt, tip, tip)
                if not await self._crew.offload(self._depot.changed, tip, proposal):
                    self._ledger.record(TaskLanded(task=task.id, attempt=attempt.id))
                    self._spec_file.tick(task.id)
                    return
                self._ledger.record(CandidateMade(task=task.id, attempt=attempt.id, proposal=proposal, base=tip))
                await self._ledger.settled()
                if await unbroken(self._move_target([(attempt, proposal)], tip)):
                    await self._follow(proposal, task)
                    return
        raise Ended("error", f"{self._crew.config.target} moved {_TRIES} times while this task tried to land")

    async def _board(self, group: list[Car], tip: str) -> bool:
        """Land a car and those it speaks for. Nothing of them changes meanwhile."""
        for car in group:
            car.boards = True
        try:
            landed = await self._move_target([(car.attempt, car.candidate) for car in group], tip)
            for car in group if landed else ():
                car.landed = True
                self._train.leave(car)
            return landed
        finally:
            for car in group:
                car.boards = False
            self._train.moved()

    async def _move_target(self, landed: Sequence[tuple[Attempt, str]], tip: str) -> bool:
        """Land, and note it: a landing nobody noted could be replayed under another name and not be recognized any more."""
        last = landed[-1][1]
        if not await self._crew.offload(self._depot.land, last, tip):
            return False
        for attempt, commit in landed:
            self._note(attempt, commit)
        self._train.moved(last)
        return True

    def _note(self, attempt: Attempt, commit: str) -> None:
        said = [verdict.commit for verdict in attempt.verdicts if verdict.gate in self._gates]
        judged = said[-1] if said and said[-1] != commit else ""
        self._ledger.record(TaskLanded(task=attempt.task, attempt=attempt.id, commit=commit, judged=judged))

    async def _follow(self, commit: str, *tasks: Task) -> None:
        """What follows a landing: the user's repository has it, and the spec says so."""
        await self._ledger.settled()
        await self._deliver()
        for task in tasks:
            told, done = self.candidates.told(task)
            text = await self._crew.offload(self._depot.read, commit, self._crew.spec.file_of(told))
            if text is None or self.candidates.marked(text, told, done) is None:
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
                self._note(attempt, attempt.proposal)
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


def chained(tip: str, group: Sequence[Car]) -> bool:
    """Whether each stands on the one before it, and the first on ``tip``."""
    bases = [tip, *(car.candidate for car in group)]
    return all(car.attempt.proposal_base == base for car, base in zip(group, bases, strict=False))
