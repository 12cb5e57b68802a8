"""The budget as the engine uses it: asked before a call, held while it runs, charged when it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from chargehand.engine.ledger import Ledger
from chargehand.model.config import BudgetConfig
from chargehand.model.facts import Noticed
from chargehand.model.work import Usage
from chargehand.plan.budget import Answer, Budget, Paid
from chargehand.ports import Allowance, Clock, PaidRow

_DAY_S = 86400


class Purse:
    """``on_empty`` is called with the reason when a cap that holds for everything has been used up. ``own_cap`` tells what a task
    may cost by its own terms, in USD."""

    def __init__(
        self,
        config: BudgetConfig,
        ledger: Ledger,
        clock: Clock,
        before: Iterable[PaidRow],
        on_empty: Callable[[str], None],
        own_cap: Callable[[str], float | None] = lambda _task: None,
    ) -> None:
        self._own_cap = own_cap
        self._config, self._ledger, self._clock, self._on_empty = config, ledger, clock, on_empty
        self._paid = [Paid(row.run, row.task, _number(row.attempt), int(row.at // _DAY_S), row.usage) for row in before]
        self._budget = self._count()
        for attempt in ledger.board.live_attempts():
            if attempt.exit is None:
                self._budget.hold(attempt.id, attempt.task, attempt.number, attempt.reserved)
        for call in ledger.board.live_calls():
            self._budget.hold(call.attempt, call.task, _number(call.attempt), call.reserved)

    def _count(self) -> Budget:
        """The caps with everything paid so far."""
        self._day = int(self._clock.now() // _DAY_S)
        budget = Budget(self._config, self._ledger.board.run, self._day, self._own_cap)
        for paid in self._paid:
            budget.charge(paid)
        return budget

    def ask(self, task: str, number: int, *, paid: bool) -> Answer:
        """Whether this attempt may be claimed now. Calls that cost nothing always may."""
        if not paid:
            return Answer("yes")
        if int(self._clock.now() // _DAY_S) != self._day:
            yesterday, self._budget = self._budget, self._count()
            self._budget.take_over(yesterday)
        return self._budget.may(task, number)

    def hold(self, attempt: str, task: str, number: int, *, paid: bool) -> Usage:
        """Set aside for an attempt that is about to be claimed; returns how much, for the claim."""
        reserved = self._budget.reserve if paid else Usage()
        self._budget.hold(attempt, task, number, reserved)
        return reserved

    def allowance(self, task: str, number: int) -> Allowance:
        """What the meter may let out for a call of this attempt, in all pots it draws from."""
        usd, tokens = self._budget.left(task, number)
        return Allowance(usd=usd, tokens=tokens)

    def give_back(self, attempt: str) -> None:
        """An attempt is not claimed after all: what was held for it is free."""
        self._budget.release(attempt)

    def price(self, reserved: Usage, reported: Usage) -> Usage:
        """What goes on the bill: what was reported, and what was reserved in the unit in which nothing was."""
        tokens = reported.input_tokens is None and reported.output_tokens is None
        return Usage(
            input_tokens=reserved.input_tokens if tokens else reported.input_tokens,
            output_tokens=reported.output_tokens,
            cost_usd=reserved.cost_usd if reported.cost_usd is None else reported.cost_usd,
        )

    def settle(self, attempt: str, task: str, number: int, charged: Usage) -> None:
        """A call has ended and is charged: what was held for it is free, what was paid counts."""
        self._budget.release(attempt)
        paid = Paid(self._ledger.board.run, task, number, int(self._clock.now() // _DAY_S), charged)
        self._paid.append(paid)
        for notice in self._budget.charge(paid):
            self._ledger.record(Noticed(level="warning", message=notice))
        if reason := self._budget.exhausted():
            self._on_empty(reason)


def _number(call: str) -> int:
    """The number of the attempt a call belongs to: a review is part of one, a planner comes after failures."""
    found = re.search(r"\.(\d+)(?:\.review-[^.]+)?$", call)
    return int(found[1]) if found else 2
