"""The independent review of a run as a task beside the spec, and what it finds as more of them."""

from __future__ import annotations

from collections.abc import Sequence

from chargehand.model.facts import Fact, TaskAdded, TaskReopened
from chargehand.model.work import Finding, Severity
from chargehand.plan.board import Board

_PRIORITY: dict[Severity, int] = {"critical": 0, "major": 1, "minor": 2, "note": 3}


def due(board: Board, rounds: int) -> bool:
    """Whether something landed in this run since it was reviewed last. After so many ``rounds`` it is enough."""
    reviews = [card for card in board.cards.values() if card.kind == "review"]
    if len(reviews) >= rounds or any(not card.done for card in reviews):
        return False
    last = max((card.landed_at or 0.0 for card in reviews), default=0.0)
    work = [card for card in board.cards.values() if card.kind != "review" and card.state == "landed"]
    return any(card.commit and card.attempts and (card.landed_at or 0.0) > last for card in work)


def review(board: Board) -> TaskAdded:
    """The next review."""
    number = 1 + sum(card.kind == "review" for card in board.cards.values())
    return TaskAdded(
        task=f"review-{number}",
        order=_last(board) + 1,
        title=f"independent review of run {board.run}",
        priority=0,
        digest="",
        kind="review",
    )


def asked_review(board: Board) -> tuple[str, list[Fact]] | str:
    """The same for a person who asks: its name and the facts that open it, or why there is nothing to be reviewed."""
    if not any(card.commit for card in board.cards.values()):
        return "nothing has landed that could be reviewed"
    waiting = [card.id for card in board.cards.values() if card.kind == "review" and card.attempt is None and not card.done]
    if waiting:
        return waiting[0], [TaskReopened(task=waiting[0], by="review-run")]
    added = review(board)
    return added.task, [added]


def findings(board: Board, review_: str, found: Sequence[Finding]) -> list[TaskAdded]:
    """A task for each finding; the same for the same review, however often it is asked."""
    first = _last(board) + 1
    added = []
    for number, one in enumerate(found, 1):
        place = f"{one.file}:{one.line}" if one.line else one.file
        fix = f"\n\nProposed: {one.fix}" if one.fix else ""
        name = f"{review_}-{number}"
        known = board.cards.get(name)
        added.append(
            TaskAdded(
                task=name,
                order=known.order if known else first + number,
                title=" ".join(f"{one.severity} in {place}: {one.evidence}".split())[:120],
                priority=_PRIORITY[one.severity],
                digest="",
                description=f"An independent review of all that landed objects to {place}:\n\n{one.evidence}{fix}",
                kind="finding",
                about=review_,
            )
        )
    return added


def _last(board: Board) -> int:
    return max((card.order for card in board.cards.values()), default=-1)
