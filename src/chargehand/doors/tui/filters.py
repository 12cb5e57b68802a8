"""Which cards are shown: words of a query, all of which must fit."""

from __future__ import annotations

from collections.abc import Callable

from chargehand.doors.tui.cards import COLUMNS
from chargehand.service.boardcards import Card

HELP = "words of id or title · p0 · is:failed · m:milestone · #tag"

Test = Callable[[Card], bool]

_COLUMN = {
    "progress": "IN PROGRESS",
    "needs": "NEEDS YOU",
    **{place.title.lower().replace(" ", ""): place.title for place in COLUMNS},
}


def parse(query: str) -> tuple[Test | None, str]:
    """The test a query stands for (None: everything passes), and what is wrong with it, if anything."""
    tests: list[Test] = []
    priorities: set[int] = set()
    states: set[str] = set()
    problem = ""
    for word in query.casefold().split():
        kind, colon, value = word.partition(":")
        if word in {"p0", "p1", "p2", "p3"}:
            priorities.add(int(word[1]))
        elif colon and kind in {"is", "state"}:
            found = _states(value)
            problem = problem or ("" if found or not value else f"no state {value}")
            states |= found
        elif colon and kind in {"m", "milestone"}:
            tests.append(lambda card, value=value: value in card.milestone.casefold())  # type: ignore[misc]
        elif word.startswith("#") or (colon and kind == "tag"):
            tag = word[1:] if word.startswith("#") else value
            tests.append(lambda card, tag=tag: any(tag in own.casefold() for own in card.tags))  # type: ignore[misc]
        else:
            tests.append(lambda card, word=word: word in card.id.casefold() or word in card.title.casefold())  # type: ignore[misc]
    if priorities:
        tests.append(lambda card: card.priority in priorities)
    if states:
        tests.append(lambda card: card.state in states)
    if not tests:
        return None, problem
    return lambda card: all(test(card) for test in tests), problem


def _states(word: str) -> set[str]:
    """The states a word means: one of the ledger's, or a column, or the beginning of either."""
    if not word:
        return set()
    titles = {title for name, title in _COLUMN.items() if name.startswith(word)}
    named = {state for place in COLUMNS for state in place.states if state.startswith(word) or place.title in titles}
    exact = {state for place in COLUMNS for state in place.states if state == word}
    return exact or named
