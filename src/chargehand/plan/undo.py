"""Taking back what a task landed: a task beside the spec, done by a revert."""

from __future__ import annotations

from chargehand.model.facts import Fact, TaskAdded, TaskReopened
from chargehand.model.words import standing
from chargehand.plan.board import Board


def undo(board: Board, task: str, by: str) -> tuple[str, list[Fact]] | str:
    """The name of the task that takes ``task`` back and the facts that open it; or why there is nothing to be taken back."""
    card = board.cards.get(task)
    if card is None:
        return f"there is no task {task}"
    if card.state != "landed":
        return f"{task} {standing(card.state)}, not landed"
    if card.kind == "undo":
        return f"{task} took {card.about} back already: chargehand retry {card.about} does that again"
    if not card.commit:
        return f"{task} landed without a commit: nothing of it can be taken back"
    for number in range(1, 1000):
        name = f"undo-{task}" + (f"-{number}" if number > 1 else "")
        there = board.cards.get(name)
        if there is None:
            return name, [_added(board, name, task, by)]
        if there.state in {"failed", "needs_human", "skipped", "cancelled"} and there.attempt is None:
            return name, [TaskReopened(task=name, by=by)]
        if not there.done:
            return name, []
    return f"{task} was taken back too often"


def _added(board: Board, name: str, task: str, by: str) -> TaskAdded:
    card = board.cards[task]
    return TaskAdded(
        task=name,
        order=1 + max(card.order for card in board.cards.values()),
        title=f"take back {task}: {card.title}",
        priority=0,
        digest="",
        description=f"Remove again what {task} landed as {card.commit[:12]}. Asked for by {by}.",
        kind="undo",
        about=task,
    )
