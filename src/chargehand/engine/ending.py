"""How a stage says that the attempt is over and did not land."""

from __future__ import annotations

from chargehand.model.work import Outcome


class Ended(Exception):
    """Raised by a stage; the pipeline records it. ``reason`` is one line; ``excerpt`` what the next attempt should see."""

    def __init__(self, outcome: Outcome, reason: str, excerpt: str = "") -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
        self.reason, self.excerpt = reason, excerpt
