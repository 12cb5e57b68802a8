"""Steering: what people and limits ask of a running engine. Doors in this process call the methods; others write to the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container

from chargehand.engine.ledger import Ledger
from chargehand.model.errors import ChargehandError
from chargehand.model.facts import RunPaused, RunResumed, TaskReopened
from chargehand.model.work import RunState
from chargehand.ports import Clock, Store

_INBOX_S = 0.5
"""How often the inbox is looked at. Reading an empty one costs microseconds."""

_KINDS = frozenset({"retry", "stop", "pause", "resume", "cancel"})
STILL_WANTED = frozenset({"retry"})
"""What was asked of an engine that is gone and is meant for the next one too. To stop, say, was for the one that is gone."""


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
        self.on_resume: Callable[[], None] = lambda: None

    @property
    def may_start(self) -> bool:
        return not (self.stopping or self.paused or self.halted)

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

    async def watch_inbox(self) -> None:
        """Act on what other processes ask for, as long as the engine lives."""
        while True:
            await self._clock.sleep(_INBOX_S)
            try:
                await self.read_inbox()
            except ChargehandError:
                self.wake.set()  # what could not be read or written is tried again; a broken ledger ends the run

    async def read_inbox(self, only: Container[str] = _KINDS) -> None:
        """Act on what was asked for, of these kinds; all else is answered by doing nothing."""
        requests = self._store.requests()
        for request in requests:
            if request.kind in only:
                self._act(request.kind, request.body)
        if requests:
            await self._ledger.settled()
            self._store.answered([request.id for request in requests])

    def _act(self, kind: str, body: str) -> None:
        match kind:
            case "retry":
                card = self._ledger.board.cards.get(body)
                if card and card.state in {"failed", "needs_human"}:
                    self._ledger.record(TaskReopened(task=card.id, by="retry"))
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
