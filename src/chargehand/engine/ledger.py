"""Recording: a fact is folded into the board at once and becomes durable with everything else of the same few turns of the loop.

Whoever must not act before a fact is durable awaits :meth:`Ledger.settled`. All facts of these turns share one transaction (group
commit), so the cost of ``synchronous=FULL`` is paid once for all tasks that move together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chargehand.engine.patience import STEP_S, Patience
from chargehand.model import facts
from chargehand.model.errors import StorageProblem
from chargehand.model.facts import Event, Fact
from chargehand.model.redaction import Redactor
from chargehand.plan.board import Board
from chargehand.plan.cards import REVIEW, Attempt, Card
from chargehand.ports import AttemptRow, Charge, Clock, Store, TaskRow

Listener = Callable[[Event], None]

_TELLING = (
    facts.AttemptExited | facts.AttemptEnded | facts.VerdictGiven | facts.TaskAdded | facts.TaskFailed | facts.TaskNeedsHuman
    | facts.TaskReplanned | facts.AgentPaused | facts.Noticed | facts.RunFinished | facts.ReviewGiven | facts.QuestionAsked
    | facts.QuestionAnswered
)  # fmt: skip
"""Facts with words of agents, gates and people in them: a secret may be among these."""

_PAID = facts.AttemptExited | facts.TaskReplanned | facts.ReviewGiven

_TURNS = 4
"""So many turns of the loop, of microseconds each, are waited for more: by then a task that landed has made room, and the claim of
the next one shares its transaction."""


class Ledger:
    """The board and the store kept in step. Needs a running loop."""

    def __init__(self, store: Store, board: Board, clock: Clock, run: str, redactor: Redactor | None = None) -> None:
        self.board = board
        self._redactor = redactor or Redactor()
        self._at = 0.0
        self.broken: Exception | None = None
        self._store, self._clock, self._run = store, clock, run
        self._pending: list[Fact] = []
        self._charges: list[Charge] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._scheduled = False
        self._listeners: list[Listener] = []
        self._refused_s = 0.0
        self.patience: Patience | None = None

    def subscribe(self, listener: Listener) -> None:
        """``listener`` hears every fact once it is durable."""
        self._listeners.append(listener)

    def record(self, *recorded: Fact) -> None:
        """Fold facts now; they are durable a few turns of the loop later."""
        if not self._pending:
            self._at = self._clock.now()  # one moment for all that becomes durable together
        for told in recorded:
            fact = self._redactor.facts(told) if isinstance(told, _TELLING) else told
            if isinstance(fact, _PAID):
                self._charges.append(self._charge(fact))
            self.board.apply(fact, self._at)
            self._pending.append(fact)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._gather, _TURNS)

    def _charge(self, fact: facts.AttemptExited | facts.TaskReplanned | facts.ReviewGiven) -> Charge:
        card = self.board.cards[fact.task]
        call: Attempt | facts.ReplanAsked | facts.ReviewAsked | None = card.attempt
        stage = "reviewer" if card.kind == "review" else "agent"
        if isinstance(fact, facts.TaskReplanned):
            stage, call = "planner", card.planning
        elif isinstance(fact, facts.ReviewGiven) and card.attempt is not None:
            stage, call = "reviewer", card.attempt.reviews.get(fact.verdict.gate.removeprefix(REVIEW))
        assert call is not None, f"{fact.attempt} was never claimed"
        return Charge(fact.task, fact.attempt, stage, call.agent, call.model, fact.charged, fact.usage.measured)

    def enter(self, folded: list[Fact], at: float) -> None:
        """Make facts durable that were folded into the board at that time. Raises what the store raised."""
        self._pending, self._at = folded + self._pending, at
        self.flush()

    async def settled(self) -> None:
        """Wait until everything recorded so far is durable. Raises what the store raised when it is not."""
        if self.broken:
            raise self.broken
        if self._pending:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _gather(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._gather, turns - 1)
        else:
            self._scheduled = False
            self._flush()

    def _flush(self) -> None:
        if not self._pending or self.broken:
            return
        batch, charges = self._pending, self._charges
        tasks, attempts = self.board.changed()
        now = self._at
        try:
            rows = [task_row(card) for card in tasks], [attempt_row(attempt) for attempt in attempts]
            last = self._store.commit(self._run, now, batch, *rows, charges)
        except Exception as error:
            self._refused(error)
            return
        self.board.forget_changes()
        waiting, self._waiting = self._waiting, []
        self._pending, self._charges, self._refused_s = [], [], 0.0
        for future in waiting:
            if not future.done():
                future.set_result(None)
        for number, fact in enumerate(batch, last - len(batch) + 1):
            event = Event(number, now, self._run, fact)
            for listener in self._listeners:
                listener(event)

    def _refused(self, error: Exception) -> None:
        """Keep what was not written, and try again while there is patience; then nothing more can be recorded."""
        if isinstance(error, StorageProblem) and self.patience and self._refused_s < self.patience.limit_s:
            self.patience.complain(error)
            self._refused_s += STEP_S
            self._scheduled = True
            asyncio.get_running_loop().call_later(STEP_S, self._gather, 0)
            return
        self.broken = error
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_exception(error)

    def flush(self) -> None:
        """Make everything durable now, without patience. Raises what the store raised."""
        patience, self.patience = self.patience, None
        self._flush()
        self.patience = patience
        if self.broken:
            raise self.broken


def task_row(card: Card) -> TaskRow:
    return TaskRow(
        id=card.id,
        order=card.order,
        title=card.title,
        priority=card.priority,
        needs=card.needs,
        state=card.state,
        reason=card.reason,
        attempts=card.attempts,
        cost_usd=card.usage.cost_usd,
        input_tokens=card.usage.input_tokens,
        output_tokens=card.usage.output_tokens,
        duration_s=card.working_s,
        commit=card.commit,
        landed_at=card.landed_at,
        milestone=card.milestone,
        tags=card.tags,
    )


def attempt_row(attempt: Attempt) -> AttemptRow:
    return AttemptRow(
        id=attempt.id,
        task=attempt.task,
        number=attempt.number,
        agent=attempt.agent,
        model=attempt.model,
        state="ended" if attempt.ended_at is not None else "judging" if attempt.exit else "working",
        outcome=attempt.outcome,
        reason=attempt.reason,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        exit_code=attempt.exit.code if attempt.exit else None,
        base=attempt.base,
        commit=attempt.commit,
        proposal=attempt.proposal,
        cost_usd=attempt.usage.cost_usd,
        input_tokens=attempt.usage.input_tokens,
        output_tokens=attempt.usage.output_tokens,
    )
