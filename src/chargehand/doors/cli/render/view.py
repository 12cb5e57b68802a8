"""What shows a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chargehand.engine.runner import Runner
    from chargehand.model.facts import Event
    from chargehand.service.running import Report


class View(Protocol):
    """How a run is shown."""

    def begin(self, runner: Runner) -> None:
        """The engine is about to work."""

    def hear(self, event: Event) -> None:
        """A fact became durable."""

    def say(self, place: str, message: str) -> None:
        """A warning about the spec."""

    def note(self, message: str) -> None:
        """Something about the run itself."""

    def close(self) -> None:
        """Leave the terminal as it was."""

    def summary(self, report: Report) -> None:
        """What came out of it."""
