"""Amounts of money, exact to the cent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Money:
    """An amount in cents: whole numbers, so nothing is ever rounded behind anybody's back."""

    cents: int = 0

    @classmethod
    def parse(cls, text: str) -> Money:
        """Read ``12`` or ``12.50``. Raises ValueError for anything else."""
        whole, _, part = text.partition(".")
        if not whole.isdecimal() or (part and not (part.isdecimal() and len(part) == 2)):
            raise ValueError(f"not an amount: {text!r}")
        return cls(int(whole) * 100 + int(part or 0))

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        return f"{sign}{abs(self.cents) // 100}.{abs(self.cents) % 100:02d}"

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - other.cents)

    def __neg__(self) -> Money:
        return Money(-self.cents)
