"""What to do after an attempt that did not land.

Three kinds of not-done are never mixed: the product is wrong (try again, told what failed), the platform cannot (no try is spent),
a person must act (ask). What is unknown is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from chargehand.model.work import Failure

INTERRUPTIONS_ALLOWED = 20
"""Attempts cut short from outside spend no try; a task that is cut short this often has another illness."""

_PRODUCT = frozenset({"empty", "agent_failed", "gate_failed", "conflict", "timeout", "stall"})


class Route(NamedTuple):
    action: Literal["retry", "fail", "ask"]
    reason: str = ""


def route(failures: Sequence[Failure], attempts_allowed: int) -> Route:
    """Decide from the failures since the task was last opened, oldest first."""
    if not failures:
        return Route("retry")
    last = failures[-1]
    if last.outcome == "interrupted":
        cut = sum(failure.outcome == "interrupted" for failure in failures)
        if cut >= INTERRUPTIONS_ALLOWED:
            return Route("ask", f"was interrupted {cut} times: {last.reason}")
        return Route("retry")
    if last.outcome not in _PRODUCT:
        return Route("ask", last.reason)
    tried = sum(failure.outcome in _PRODUCT for failure in failures)
    if tried < attempts_allowed:
        return Route("retry")
    times = "1 attempt" if tried == 1 else f"{tried} attempts"
    return Route("fail", f"{times}, the last: {last.reason}")
