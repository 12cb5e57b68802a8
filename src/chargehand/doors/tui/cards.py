"""A task as a card: what a person wants to know of it, in the few lines its column gives. Pure; made from the ledger's facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from chargehand.doors.tui.lines import Parts
from chargehand.doors.tui.words import paid, rough, short
from chargehand.model.words import spoken
from chargehand.service.boardcards import Card, Work


class Place(NamedTuple):
    """A column: its title, the states it holds, how many lines a card has (the last one is empty), and its colour.
    ``always``: it is there even when nothing is in it."""

    title: str
    states: tuple[str, ...]
    tall: int
    role: str
    always: bool = True

    @property
    def brief(self) -> str:
        """Its title where there is little room."""
        return self.title.removeprefix("IN ")


COLUMNS = (
    Place("BLOCKED", ("waiting",), 4, "dim"),
    Place("TODO", ("ready",), 3, ""),
    Place("IN PROGRESS", ("working",), 5, "work"),
    Place("REVIEW", ("judging", "queued"), 5, "work", always=False),
    Place("NEEDS YOU", ("needs_human",), 4, "warn", always=False),
    Place("DONE", ("landed", "skipped"), 4, "ok"),
    Place("FAILED", ("failed", "cancelled"), 4, "bad"),
)

_COMMIT = re.compile(r"\b[0-9a-f]{12}\b")
"""In a question it says nothing to a person who looks at the card."""

WHERE = {state: number for number, place in enumerate(COLUMNS) for state in place.states}
"""The column of each state."""


class Known(NamedTuple):
    """What a card shows beyond its task: the moment, allowed ``tries``, number of ``gates``, the ``expected`` seconds of an
    attempt, and how much of the checklist is ticked."""

    now: float
    tries: int
    gates: int
    expected: float | None = None
    ticks: tuple[int, int] | None = None


def window(needs: Sequence[int], width: int, chosen: int, first: int) -> range:
    """Which columns are in view, when each needs so many cells: from ``first`` on as before, if the chosen one is among them."""
    first = min(first, chosen)
    while first < chosen and sum(needs[first : chosen + 1]) > width:
        first += 1
    last = chosen + 1
    while last < len(needs) and sum(needs[first : last + 1]) <= width:
        last += 1
    while first and sum(needs[first - 1 : last]) <= width:
        first -= 1
    return range(first, last)


def order(card: Card) -> tuple[float, ...]:
    """The place in its column: what is urgent first, what is at work by its start, what landed last on top."""
    if card.state in {"landed", "skipped"}:
        return (-(card.landed_at or 0.0), card.position)
    if card.work is not None:
        return (0, card.work.started_at, card.position)
    return (1, card.priority, card.position)


def face(card: Card, known: Known, width: int) -> tuple[Parts, ...]:
    """The lines of a card in ``width`` cells, as many as its column gives but the empty one."""
    match card.state:
        case "waiting":
            return (_head(card), _title(card), (("← " + ", ".join(card.blockers), "dim"),))
        case "ready":
            return (_head(card), _title(card))
        case "working" | "judging" | "queued":
            return (_head(card), _title(card), _progress(card, known, width), _clock(card, known, width))
        case "landed" | "skipped":
            word = "skipped" if card.state == "skipped" else f"{short(card.duration_s)} · {paid(card.cost_usd)}"
            if card.state == "landed" and not card.attempts:
                word = "done before"
            return ((("✓ ", "ok"), (card.id, "bold")), _title(card), ((word, "dim"),))
        case "needs_human":
            return (_head(card), _title(card), (("? ", "warn"), (_COMMIT.sub("it", card.reason), "warn")))
        case _:
            told = _fitting((failure(card), f"{card.attempts}× {_kind(card)}"), width)
            return ((("✗ ", "bad"), (card.id, "bold")), _title(card), ((told, "bad"),))


def failure(card: Card) -> str:
    """``3 attempts · TIMEOUT``."""
    if card.state == "cancelled":
        return "cancelled"
    tried = f"{card.attempts} attempt{'s' if card.attempts != 1 else ''}"
    return f"{tried} · {_kind(card)}" if card.kind else tried


def _kind(card: Card) -> str:
    return spoken(card.kind).upper()


def _head(card: Card) -> Parts:
    mark = "●" if card.priority < 2 else "○"
    again = ((f" ↻{card.attempts}", "warn"),) if card.state == "ready" and card.attempts else ()
    return ((card.id, "bold"), (" ", ""), (f"{mark}P{card.priority}", f"p{min(card.priority, 3)}"), *again)


def _title(card: Card) -> Parts:
    return ((card.title, "dim" if card.state in {"landed", "skipped"} else ""),)


def stage(work: Work, gates: int) -> tuple[int, int, str]:
    """How many stages are passed, of how many, and what goes on: the agent, its commit, each gate, the landing."""
    total = gates + 3
    match work.stage:
        case "agent":
            return 0, total, "agent"
        case "plan":
            return 0, total, "planner"
        case "commit":
            return 1, total, "commit"
        case "gates":
            return min(2 + work.passed, total - 1), total, f"gates {min(work.passed, gates)}/{gates}"
        case _:
            return total - 1, total, "landing"


def _progress(card: Card, known: Known, width: int) -> Parts:
    """Stages passed, never a share that nobody knows."""
    if card.work is None:
        return (("waits for an engine", "warn"),)
    passed, total, word = stage(card.work, known.gates)
    ticks = f"☑{known.ticks[0]}/{known.ticks[1]}" if known.ticks and card.work.stage == "agent" else ""
    if total > 8:
        passed, total = round(passed * 8 / total), 8
    words = _fitting((f"{word} {ticks}".rstrip(), ticks or word, word.removeprefix("gates ")), width - total - 1)
    return (("▓" * passed + "▒", "work"), ("░" * (total - passed - 1), "dim"), (f" {words}", ""))


def _clock(card: Card, known: Known, width: int) -> Parts:
    work = card.work
    if work is None:
        return (("", ""),)
    spent = short(max(0.0, known.now - work.started_at))
    whole = f"{spent} of ~{rough(known.expected)}" if known.expected is not None and work.stage == "agent" else spent
    tried = f"{work.number}/{max(known.tries, work.number)}"
    told = _fitting((f"attempt {tried} {whole}", f"attempt {tried} {spent}", f"{tried} {whole}", f"{tried} {spent}"), width)
    return ((told, "warn" if work.number > 1 else "dim"),)


def _fitting(texts: tuple[str, ...], width: int) -> str:
    """The first that fits, else the last."""
    return next((text for text in texts if len(text) <= width), texts[-1])
