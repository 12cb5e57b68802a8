"""What was spent, by whom and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from splitbill.money import Money


@dataclass(frozen=True)
class Expense:
    """``payer`` laid out ``amount``; the ``sharers`` had their part of it."""

    payer: str
    amount: Money
    what: str
    sharers: tuple[str, ...]


@dataclass(frozen=True)
class Trip:
    """A group of people and what they spent. Raises ValueError when an expense does not fit the group."""

    people: tuple[str, ...]
    expenses: tuple[Expense, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.people)) < len(self.people):
            raise ValueError("somebody is named twice")
        for expense in self.expenses:
            strangers = {expense.payer, *expense.sharers} - set(self.people)
            if strangers:
                raise ValueError(f"{expense.what}: who is {', '.join(sorted(strangers))}?")
            if not expense.sharers:
                raise ValueError(f"{expense.what}: shared by nobody")

    @property
    def total(self) -> Money:
        """Everything that was spent."""
        return sum((expense.amount for expense in self.expenses), Money())
