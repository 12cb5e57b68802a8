"""The budget: what may still be spent. Money is set aside before a call is made and settled after it.

A cap holds for what was charged and what is set aside together, so that calls made at once cannot pass it together. Charges come
from the ledger and are never taken back, so no reset, crash or new run gives anything back either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from chargehand.model.config import BudgetConfig
from chargehand.model.work import Usage

DEFAULT_RESERVE = {"usd": 1.0, "tokens": 200_000}
"""Set aside for a call when a cap holds and the settings name no reservation."""

NOTICE_AT = 0.8

SCOPES = ("run", "task", "retry", "day", "total")
UNITS = ("usd", "tokens")


class Paid(NamedTuple):
    """One charge, as far as budgets are concerned. ``day`` counts days since 1970 in UTC."""

    run: str
    task: str
    number: int
    day: int
    usage: Usage


class Answer(NamedTuple):
    """``wait``: what runs now may leave enough. ``task``: this task's own cap; ``all``: a cap that holds for everything."""

    word: Literal["yes", "wait", "task", "all"]
    reason: str = ""


class Budget:
    """The caps of one run with what was paid against them."""

    def __init__(
        self, config: BudgetConfig, run: str, day: int, own_cap: Callable[[str], float | None] = lambda _task: None
    ) -> None:
        self._config, self._run, self._day, self._own_cap = config, run, day, own_cap
        keys = [(scope, unit) for scope in SCOPES for unit in UNITS]
        self._caps = {key: cap for key in keys if (cap := getattr(config, "_".join(key))) is not None}
        self._spent: dict[tuple[str, str], float] = {}
        self._held: dict[str, tuple[str, bool, Usage]] = {}
        self._noticed: set[tuple[str, str]] = set()
        self.reserve = Usage(cost_usd=self._reserve("usd"), input_tokens=_whole(self._reserve("tokens")))

    def _reserve(self, unit: str) -> float | None:
        named: float | None = getattr(self._config, f"reserve_{unit}")
        if named is not None:
            return named
        return DEFAULT_RESERVE[unit] if any(capped == unit for _, capped in self._caps) else None

    def _caps_of(self, task: str) -> Iterable[tuple[tuple[str, str], float]]:
        """Every cap that holds for a task, its own among them: the smaller one counts."""
        own = self._own_cap(task)
        if own is None:
            return self._caps.items()
        caps = dict(self._caps)
        caps["task", "usd"] = min(own, caps.get(("task", "usd"), own))
        return caps.items()

    def charge(self, paid: Paid) -> list[str]:
        """Count a charge. Returns a notice for each cap that passed 80 % by it, once."""
        scopes = ["total", f"task:{paid.task}"] if paid.run == self._run else ["total"]
        if paid.run == self._run:
            scopes.append("run")
            if paid.number > 1:
                scopes.append(f"retry:{paid.task}")
        if paid.day >= self._day:  # later, by a clock that was ahead
            scopes.append("day")
        notices: list[str] = []
        for unit, amount in (("usd", _usd(paid.usage)), ("tokens", _tokens(paid.usage))):
            for scope in scopes:
                key = (scope, unit)
                self._spent[key] = self._spent.get(key, 0.0) + amount
                kind = scope.partition(":")[0]
                cap = self._caps.get((kind, unit))
                if cap and self._spent[key] >= NOTICE_AT * cap and (scope, unit) not in self._noticed:
                    self._noticed.add((scope, unit))
                    notices.append(
                        f"{_show(self._spent[key], unit)} of the {_name(scope, unit)} budget of {_show(cap, unit)} is spent"
                    )
        return notices

    def hold(self, attempt: str, task: str, number: int, reserved: Usage) -> None:
        """Set aside for an attempt."""
        self._held[attempt] = (task, number > 1, reserved)

    def take_over(self, other: Budget) -> None:
        """Set aside all that another one has set aside."""
        self._held = dict(other._held)

    def release(self, attempt: str) -> None:
        """What was set aside is free again: the attempt has been charged."""
        self._held.pop(attempt, None)

    def may(self, task: str, number: int) -> Answer:
        """Whether a call for this attempt of this task may be made now."""
        waits = ""
        for (kind, unit), cap in self._caps_of(task):
            if kind == "retry" and number == 1:
                continue
            scope = f"{kind}:{task}" if kind in {"task", "retry"} else kind
            spent = self._spent.get((scope, unit), 0.0)
            held = sum(
                _amount(reserved, unit) for name, again, reserved in self._held.values() if _touches(kind, task, name, again=again)
            )
            wanted = _amount(self.reserve, unit)
            if spent + held + wanted <= cap + 1e-9:
                continue
            reason = (
                f"{_name(scope, unit)} budget: {_show(spent, unit)} of {_show(cap, unit)} spent, {_show(wanted, unit)} more wanted"
            )
            if spent + wanted > cap + 1e-9:
                return Answer("task" if kind in {"task", "retry"} else "all", reason)
            waits = reason
        return Answer("wait", waits) if waits else Answer("yes")

    def left(self, task: str, number: int) -> tuple[dict[str, float], dict[str, int]]:
        """What was not charged yet of each cap that holds for this attempt, by pot: USD, and tokens."""
        pots: dict[str, dict[str, float]] = {"usd": {}, "tokens": {}}
        for (kind, unit), cap in self._caps_of(task):
            if kind == "retry" and number == 1:
                continue
            scope = f"{kind}:{task}" if kind in {"task", "retry"} else kind
            pots[unit][scope] = max(0.0, cap - self._spent.get((scope, unit), 0.0))
        return pots["usd"], {scope: int(amount) for scope, amount in pots["tokens"].items()}

    def exhausted(self) -> str:
        """The reason when a cap that holds for everything is used up, so that nothing paid may go on."""
        for (kind, unit), cap in self._caps.items():
            spent = self._spent.get((kind, unit), 0.0)
            if kind not in {"task", "retry"} and spent >= cap and spent > 0:
                return f"the {_name(kind, unit)} budget of {_show(cap, unit)} is spent"
        return ""


def _touches(kind: str, task: str, held_by: str, *, again: bool) -> bool:
    if kind == "task":
        return held_by == task
    return held_by == task and again if kind == "retry" else True


def _usd(usage: Usage) -> float:
    return usage.cost_usd or 0.0


def _tokens(usage: Usage) -> float:
    return float((usage.input_tokens or 0) + (usage.output_tokens or 0))


def _amount(usage: Usage, unit: str) -> float:
    return _usd(usage) if unit == "usd" else _tokens(usage)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _show(amount: float, unit: str) -> str:
    return f"${amount:.2f}" if unit == "usd" else f"{amount:,.0f} tokens"


def _name(scope: str, unit: str) -> str:
    kind, _, task = scope.partition(":")
    whose = f"{task}'s {kind}" if task else kind
    return whose if unit == "usd" else f"{whose} token"
