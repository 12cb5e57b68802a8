"""Tasks beside the spec that a person asks for: taking a task back, an independent review."""

from __future__ import annotations

from chargehand.model.errors import UsageProblem
from chargehand.model.facts import Fact
from chargehand.plan.board import Board
from chargehand.plan.second_look import asked_review
from chargehand.plan.undo import undo


def begin(board: Board, undone: str, review: bool, by: str, opening: list[Fact], now: float) -> set[str]:
    """The task that takes ``undone`` back, or reviews; it is folded in, and added to what is recorded first. Empty when nothing of
    the kind is asked for. Raises UsageProblem when it cannot be."""
    if not undone and not review:
        return set()
    found = asked_review(board) if review else undo(board, undone, by)
    if isinstance(found, str):
        raise UsageProblem(found, hint="chargehand status")
    for fact in found[1]:
        board.apply(fact, now)
        opening.append(fact)
    board.open()
    return {found[0]}
