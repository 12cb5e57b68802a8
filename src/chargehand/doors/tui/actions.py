"""What a key does to the run: the one place that maps keys to the service. An action that would do nothing is not offered.

A question to a person (approve, reject with a comment) becomes an action here once the service knows questions: a row in ACTIONS
whose ``when`` asks whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from chargehand.service.boardcards import Card
from chargehand.service.boardview import Feed, ask

Start: TypeAlias = Callable[[list[str]], None]


class Action(NamedTuple):
    """``when`` it is offered, given the chosen card (None: none is); ``sure``: what is asked before, empty to do it at once; ``do``
    is given what starts an engine in the background, and returns what to tell. ``{task}`` in ``sure`` is the chosen task."""

    key: str
    label: str
    what: str
    when: Callable[[Feed, Card | None], bool]
    do: Callable[[Feed, str, Start], str]
    sure: str = ""


def _retry(feed: Feed, task: str, start: Start) -> str:
    if feed.alive:
        ask(feed.project, "retry", task)
        return f"{task} is handed to the run that is under way"
    start(["retry", task])
    return f"{task} is tried again, by a run in the background"


def _resume(feed: Feed, _task: str, start: Start) -> str:
    if feed.alive:
        ask(feed.project, "resume", "the board")
        return "the run goes on; the spec is read again"
    start(["run", "--all"])
    return "a run in the background goes on with it"


def _pause(feed: Feed, _task: str, _start: Start) -> str:
    ask(feed.project, "pause", "the board")
    return "nothing new starts until it is resumed"


def _cancel(feed: Feed, task: str, _start: Start) -> str:
    ask(feed.project, "cancel", task)
    return f"the agent of {task} is ended"


def _cancel_all(feed: Feed, _task: str, _start: Start) -> str:
    ask(feed.project, "cancel")
    return "what runs is ended; the next run goes on from there"


def _stop(feed: Feed, _task: str, _start: Start) -> str:
    ask(feed.project, "stop", "the board")
    return "nothing new starts; the run ends when what runs is done"


def _in_hand(feed: Feed, card: Card | None) -> bool:
    return feed.alive and card is not None and card.work is not None


ACTIONS = (
    Action("r", "retry", "give the chosen task new attempts",
           lambda _feed, card: card is not None and card.state in {"failed", "needs_human"}, _retry),
    Action("p", "pause", "start nothing new", lambda feed, _card: feed.state == "running", _pause),
    Action("u", "resume", "go on after a pause, a stop or a crash",
           lambda feed, _card: feed.state in {"paused", "interrupted", "stopped"}, _resume),
    Action("x", "cancel", "end the agent of the chosen task", _in_hand, _cancel, "end the agent of {task}? Its work is kept"),
    Action("X", "cancel all", "end every agent, and the run", lambda feed, _card: feed.alive, _cancel_all,
           "end every agent and the run? Their work is kept"),
    Action("s", "stop", "let what runs finish, then end the run", lambda feed, _card: feed.alive, _stop,
           "let what runs finish, and start nothing more?"),
)  # fmt: skip


def offered(feed: Feed, card: Card | None) -> list[Action]:
    return [action for action in ACTIONS if action.when(feed, card)]
