"""The tasks of a run as their agents are told them: those of the spec, and those a run has beside it."""

from __future__ import annotations

import msgspec

from chargehand.engine.crew import Crew
from chargehand.engine.planner import as_task, rewritten
from chargehand.model.task import Span, Task
from chargehand.plan.board import Board
from chargehand.plan.cards import Card


class Tasks:
    """Looks tasks up by name. ``read`` is to be called when the crew's spec changed."""

    def __init__(self, crew: Crew, board: Board) -> None:
        self._crew, self._board = crew, board
        self.read()

    def read(self) -> None:
        """Take the spec as it is now."""
        self._spec = {task.id: task for task in self._crew.spec.tasks}

    def of_spec(self, name: str) -> Task | None:
        """The task as the spec has it; None for one that is not in it. A file that has not heard yet that its work was taken
        back is not believed."""
        task = self._spec.get(name)
        if task is not None and task.status == "done" and self._board.cards[name].undone:
            return msgspec.structs.replace(task, status="todo")
        return task

    def get(self, name: str) -> Task | None:
        """What the spec says, with what a planner added to it; a part of a task that was split; or a task of another kind."""
        card = self._board.cards[name]
        if card.kind:
            return of_kind(card)
        if card.part_of:
            whole = self.get(card.part_of)
            return whole and as_task(card, whole)
        task = self.of_spec(name)
        return task and rewritten(task, card)

    def known(self, name: str) -> Task:
        """The same for a task that is there for certain."""
        task = self.get(name)
        assert task is not None, f"{name} is not in the spec"
        return task

    def cap(self, name: str) -> float | None:
        """What a task may cost by its own terms, in USD."""
        task = self.get(name)
        return task.terms.budget_usd if task and task.terms else None


def of_kind(card: Card) -> Task:
    """A task that is not in the spec: all there is to say of it is on its card."""
    return Task(
        id=card.id,
        title=card.title,
        span=Span(1),
        priority=card.priority,
        description=card.description,
        needs=card.needs,
        evidence="exit" if card.kind == "review" else "commit",
    )
