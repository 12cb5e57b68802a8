"""Steering: what people and limits ask of a running engine. Doors in this process call the methods; others write to the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from chargehand.engine.ledger import Ledger
from chargehand.model.errors import ChargehandError
from chargehand.model.facts import QuestionAnswered, RunPaused, RunResumed, TaskReopened, TaskSkipped
from chargehand.model.work import RunState
from chargehand.plan.second_look import review
from chargehand.plan.undo import undo
from chargehand.ports import Clock, Store

_INBOX_S = 0.5
"""How often the inbox is looked at. Reading an empty one costs microseconds."""

_STILL_WANTED = frozenset({"retry", "answer", "skip", "undo", "review"})


def forget(store: Store) -> None:
    """Drop what was asked of an engine that is gone and is not meant for the next one too: to stop, say. To be called as soon as an
    engine has the lock: what is asked from then on is asked of it."""
    old = [request.id for request in store.requests() if request.kind not in _STILL_WANTED]
    if old:
        store.answered(old)


class Answer(msgspec.Struct, frozen=True):
    """The body of the request ``answer``."""

    task: str
    question: str
    answer: str
    by: str
    comment: str = ""


class Undo(msgspec.Struct, frozen=True):
    """The body of the request ``undo``."""

    task: str
    by: str


class Skip(msgspec.Struct, frozen=True):
    """The body of the request ``skip``."""

    task: str
    by: str
    reason: str = ""


Wish = TypeVar("Wish")


def _read(body: str, kind: type[Wish]) -> Wish | None:
    """What a request's body says; None when it is none of ours."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        return None


class Steering:
    """Stop, pause, resume, cancel. ``wake`` is set whenever the loop has something new to consider."""

    def __init__(self, ledger: Ledger, store: Store, clock: Clock) -> None:
        self._ledger, self._store, self._clock = ledger, store, clock
        self.wake = asyncio.Event()
        self.ended_as: RunState = "interrupted"
        self.stopping = ""
        self.paused = ""
        self.halted = ""
        self.halted_for_money = False
        self.on_cancel: Callable[[str], None] = lambda _task: None
        self.on_answer: Callable[[str], None] = lambda _task: None
        self.on_resume: Callable[[], None] = lambda: None

    @property
    def may_start(self) -> bool:
        return not (self.stopping or self.paused or self.halted)

    def lets(self, *, paid: bool) -> bool:
        """Whether what was about to begin still may: what costs nothing does, though the money has run out meanwhile."""
        return self.may_start or (not paid and self.halted_for_money and not (self.stopping or self.paused))

    def stop(self, reason: str, ended_as: RunState = "interrupted") -> bool:
        """Start nothing new. Returns False when that was asked before: then what runs may be cancelled."""
        first = not self.stopping
        if first:
            self.stopping, self.ended_as = reason, ended_as
        self.wake.set()
        return first

    def halt(self, reason: str, *, for_money: bool = False) -> None:
        """Start nothing new because of what happened; the run ends as it stands when the rest is done."""
        if not self.halted:
            self.halted, self.halted_for_money = reason, for_money
        self.wake.set()

    def reconsider(self) -> None:
        """A new day or a raised cap may allow what the budget did not."""
        if self.halted_for_money:
            self.halted, self.halted_for_money = "", False

    def pause(self, by: str) -> None:
        """Start nothing new until resumed. What runs goes on."""
        if not self.paused:
            self.paused = by
            self._ledger.record(RunPaused(by=by))
            self.wake.set()

    def resume(self, by: str) -> None:
        """Go on; the spec is read again first, since that is what people pause for."""
        if self.paused:
            self.paused = ""
            self._ledger.record(RunResumed(by=by))
            self.on_resume()
            self.wake.set()

    def answer(self, task: str, question: str, answer: str, by: str, comment: str) -> None:
        """A person's answer to a question. One that is no longer asked, or is asked about another commit by now, is not heard."""
        card = self._ledger.board.cards.get(task)
        attempt = card.attempt if card else None
        if attempt is None or attempt.question is None or attempt.question.id != question or attempt.answer is not None:
            return
        if answer in attempt.question.answers:
            given = QuestionAnswered(task=task, attempt=attempt.id, id=question, answer=answer, by=by, comment=comment)
            self._ledger.record(given)
            self.on_answer(task)
            self.wake.set()

    def undo(self, task: str, by: str) -> None:
        """What a task landed is to be taken back."""
        found = undo(self._ledger.board, task, by)
        if not isinstance(found, str):
            self._ledger.record(*found[1])
            self._ledger.board.open()

    def review(self) -> None:
        """All that landed is to be reviewed by another agent."""
        self._ledger.record(review(self._ledger.board))
        self._ledger.board.open()

    def skip(self, task: str, by: str, reason: str) -> None:
        """A task that need not be done. One that is worked on must be cancelled first; a question about it is answered."""
        card = self._ledger.board.cards.get(task)
        if card is None:
            return
        if card.attempt is not None and card.attempt.question is not None:
            self.answer(task, card.attempt.question.id, "skip", by, reason)
        elif card.attempt is None and card.state in {"todo", "failed", "needs_human"}:
            self._ledger.record(TaskSkipped(task=task, by=by, reason=reason))

    async def watch_inbox(self) -> None:
        """Act on what other processes ask for, as long as the engine lives."""
        while True:
            await self._clock.sleep(_INBOX_S)
            try:
                await self.read_inbox()
            except ChargehandError:
                self.wake.set()  # what could not be read or written is tried again; a broken ledger ends the run

    async def read_inbox(self) -> bool:
        """Act on what was asked for, if anything was; what nobody understands is answered by doing nothing."""
        requests = self._store.requests()
        for request in requests:
            self._act(request.kind, request.body)
        if requests:
            await self._ledger.settled()
            self._store.answered([request.id for request in requests])
        return bool(requests)

    def _decided(self, kind: str, body: str) -> None:
        """What a person said of a task."""
        if kind == "answer" and (told := _read(body, Answer)):
            self.answer(told.task, told.question, told.answer, told.by, told.comment)
        elif kind == "skip" and (wish := _read(body, Skip)):
            self.skip(wish.task, wish.by, wish.reason)
        elif kind == "undo" and (back := _read(body, Undo)):
            self.undo(back.task, back.by)

    def _act(self, kind: str, body: str) -> None:
        match kind:
            case "retry":
                card = self._ledger.board.cards.get(body)
                if card and card.state in {"failed", "needs_human", "skipped"} and card.attempt is None:
                    self._ledger.record(TaskReopened(task=card.id, by="retry"))
            case "answer" | "skip" | "undo":
                self._decided(kind, body)
            case "review":
                self.review()
            case "stop":
                self.stop(body or "asked to stop", "stopped")
            case "pause":
                self.pause(body or "somebody")
            case "resume":
                self.resume(body or "somebody")
            case "cancel":
                if not body:
                    self.stop("cancelled", "stopped")
                self.on_cancel(body)
        self.wake.set()
