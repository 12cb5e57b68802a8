"""What a key does to the run: the one place that maps keys to the service. An action that would do nothing is not offered.

To have a new one is to add a row to ACTIONS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from chargehand.service.boardcards import Card
from chargehand.service.boardview import Feed, ask

Start: TypeAlias = Callable[[list[str]], None]


class Action(NamedTuple):
    """``when`` it is offered, given the chosen card (None: none is); ``sure``: what is asked before, empty to do it at once; ``do``
    is given what starts an engine in the background, and returns what to tell. ``comment``: what a line of
    text is asked for. ``{task}`` in both is the chosen task."""

    key: str
    label: str
    what: str
    when: Callable[[Feed, Card | None], bool]
    do: Callable[[Feed, str, Start, str], str]
    sure: str = ""
    comment: str = ""


def _retry(feed: Feed, task: str, start: Start, _comment: str) -> str:
    if feed.alive:
        ask(feed.project, "retry", task)
        return f"{task} is handed to the run that is under way"
    start(["retry", task])
    return f"{task} is tried again, by a run in the background"


def _resume(feed: Feed, _task: str, start: Start, _comment: str) -> str:
    if feed.alive:
        ask(feed.project, "resume", "the board")
        return "the run goes on; the spec is read again"
    start(["run", "--all"])
    return "a run in the background goes on with it"


def _pause(feed: Feed, _task: str, _start: Start, _comment: str) -> str:
    ask(feed.project, "pause", "the board")
    return "nothing new starts until it is resumed"


def _cancel(feed: Feed, task: str, _start: Start, _comment: str) -> str:
    ask(feed.project, "cancel", task)
    return f"the agent of {task} is ended"


def _cancel_all(feed: Feed, _task: str, _start: Start, _comment: str) -> str:
    ask(feed.project, "cancel")
    return "what runs is ended; the next run goes on from there"


def _stop(feed: Feed, _task: str, _start: Start, _comment: str) -> str:
    ask(feed.project, "stop", "the board")
    return "nothing new starts; the run ends when what runs is done"


def _answer(word: str, outcome: str) -> Callable[[Feed, str, Start, str], str]:
    def give(feed: Feed, task: str, _start: Start, comment: str) -> str:
        from chargehand.service.deciding import answer
        from chargehand.service.running import operator

        told = answer(feed.project, task, word, comment, operator())
        return f"{task} {outcome}" + ("" if told["engine"] else "; the next run acts on it")

    return give


def _skip(feed: Feed, task: str, _start: Start, comment: str) -> str:
    from chargehand.service.deciding import skip
    from chargehand.service.running import operator

    told = skip(feed.project, task, comment, operator())
    return f"{task} is skipped" + ("" if told["engine"] else " by the next run")


def _asked(word: str) -> Callable[[Feed, Card | None], bool]:
    return lambda _feed, card: card is not None and word in card.answers


def _in_hand(feed: Feed, card: Card | None) -> bool:
    return feed.alive and card is not None and card.work is not None and card.state != "needs_human"


_UNTOUCHED = frozenset({"waiting", "ready", "failed", "needs_human"})

ACTIONS = (
    Action("r", "retry", "give the chosen task new attempts",
           lambda _feed, card: card is not None and card.state in {"failed", "needs_human"} and not card.answers, _retry),
    Action("a", "approve", "say yes to what is asked about the task", _asked("approve"), _answer("approve", "may land"),
           "let {task} land?"),
    Action("f", "fix", "have it changed as your comment says", _asked("fix"), _answer("fix", "goes back to its agent"),
           comment="what is to be changed in {task}?"),
    Action("d", "reject", "say no, with a comment", _asked("reject"), _answer("reject", "is given up"),
           comment="why is {task} given up?"),
    Action("S", "skip", "the task need not be done", lambda _feed, card: card is not None and card.state in _UNTOUCHED, _skip,
           comment="why need {task} not be done?"),
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
