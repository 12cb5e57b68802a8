"""Ends: how a stage says that the attempt is over and did not land, and how a run stands when nothing moves any more."""

from __future__ import annotations

from collections.abc import Collection

from chargehand.engine.steering import Steering
from chargehand.model.facts import RunFinished
from chargehand.model.work import Outcome, RunState
from chargehand.plan.cards import Card


class Parked(Exception):
    """Raised by a stage when a person must answer first, or has said that the task need not be done: no end of the attempt."""


class Ended(Exception):
    """Raised by a stage; the pipeline records it. ``reason`` is one line; ``excerpt`` what the next attempt should see."""

    def __init__(self, outcome: Outcome, reason: str, excerpt: str = "") -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
        self.reason, self.excerpt = reason, excerpt


def run_end(run: str, cards: Collection[Card], steering: Steering, *, asking: bool) -> RunFinished:
    """What is recorded as the end of a run. ``asking``: a person must act before an agent can be used again."""
    count = {state: sum(card.state == state for card in cards) for state in ("landed", "failed", "needs_human", "skipped")}
    words = {"skipped": "skipped", "failed": "failed", "needs_human": "need you"}
    rest = [f"{count[state]} {word}" for state, word in words.items() if count[state]]
    landed = ", ".join([f"{count['landed']} of {len(cards)} landed", *rest])
    state: RunState
    if steering.stopping:
        state, reason = steering.ended_as, steering.stopping
    elif count["landed"] + count["skipped"] == len(cards):
        state, reason = "finished", landed if count["skipped"] else f"all {len(cards)} tasks landed"
    elif steering.halted:
        state, reason = ("failed" if count["failed"] else "needs_human"), f"{steering.halted}; {landed}"
    elif count["failed"]:
        state, reason = "failed", landed
    elif count["needs_human"] or asking:
        state, reason = "needs_human", landed
    else:
        state, reason = "stopped", landed
    return RunFinished(run=run, state=state, reason=reason)
