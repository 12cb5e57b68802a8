"""One task in full: its brief, attempts, transcript as it grows, diff, verdicts, cost and events."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding

from chargehand.doors.tui import details, log
from chargehand.doors.tui.actions import offered
from chargehand.doors.tui.cards import COLUMNS, WHERE
from chargehand.doors.tui.lines import Row, row
from chargehand.doors.tui.page import Page, hints
from chargehand.doors.tui.reading import Lines
from chargehand.model.words import spoken
from chargehand.service.boardcards import Card
from chargehand.service.boardview import Feed, Look

TABS = ("attempts", "brief", "transcript", "diff", "verdicts", "cost", "events")


def _first(card: Card | None) -> str:
    """What is at work is watched; where a yes is asked for, the change is looked at."""
    if card is not None and "approve" in card.answers:
        return "diff"
    return "transcript" if card is not None and card.work else "attempts"


class TaskPage(Page):
    """Of the task with this id. ``tab`` empty: what one wants to see of it first."""

    BINDINGS = [  # noqa: RUF012 - textual's way
        Binding("left,shift+tab", "tab(-1)", priority=True),
        Binding("right,tab", "tab(1)", priority=True),
        Binding("left_square_bracket", "attempt(-1)"),
        Binding("right_square_bracket", "attempt(1)"),
        Binding("e", "edit"),
        *(Binding(str(number), f"to('{name}')") for number, name in enumerate(TABS, 1)),
    ]

    def __init__(self, task: str, tab: str = "") -> None:
        super().__init__()
        self.about = task
        self.tab = tab
        self._number: int | None = None
        self._tails: list[tuple[details.Tail, str]] = []
        self._tried: list[dict[str, Any]] = []
        self.body = Lines(wrap=True)
        self.body.heading = ""
        self._head, self._tabs, self._foot = Lines(), Lines(), Lines()

    def compose(self) -> ComposeResult:
        yield self._head.add_class("edge")
        yield self._tabs.add_class("tabs")
        yield self.body
        yield self._foot.add_class("edge")

    def on_mount(self) -> None:
        card = self.card
        self.tab = self.tab or _first(card)
        self.call_after_refresh(self._open)

    @property
    def card(self) -> Card | None:
        return self.feed.cards.get(self.about)

    @property
    def feed(self) -> Feed:
        return self.board.feed

    @property
    def attempt(self) -> dict[str, Any] | None:
        """The one that is looked at: the last one unless another was asked for."""
        chosen = [one for one in self._tried if one["number"] == self._number]
        return chosen[-1] if chosen else self._tried[-1] if self._tried else None

    # --- what it shows ---------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Show the tab from its beginning."""
        self._tried = self.feed.attempts(self.about)
        self._tails = []
        self.body.follow = self.body.follows = self.tab == "transcript"
        self.body.show([])
        self.body.scroll_lines(0)
        self._draw()

    def renew(self, look: Look, *, beat: bool) -> None:
        if look.whole or self.about in look.changed:
            self._tried = self.feed.attempts(self.about)
            if self.tab == "transcript" and self._tails and self._place() != self._tails[0][0].path.parent:
                self._open()  # another attempt has begun
                return
            self._draw()
        elif self.tab == "transcript":
            self._follow()
        elif beat and self.tab == "attempts":
            self._draw()

    def _draw(self) -> None:
        card = self.card
        if card is None:
            self.body.show([row(f"{self.about} is no longer in the run", "warn")])
            return
        role = COLUMNS[WHERE[card.state]].role
        self._head.show([Row(((card.id, "bold"), (f" P{card.priority}  ", f"p{min(3, card.priority)}"),
                              (spoken(card.state), role), (f"  {card.title}", "")))])  # fmt: skip
        self._tabs.show([self._tab_line()])
        match self.tab:
            case "attempts":
                self.body.show(details.attempts(card, self.feed, self._tried, self.feed.moment(time.time())))
            case "brief":
                self.body.show(details.brief(self._place() / "prompt.md", self.feed, card))
            case "transcript":
                self._follow()
            case "diff":
                self._ask_for_diff()
            case "verdicts":
                self.body.show(details.verdicts(self.feed.verdicts(self.about), self.feed.project.root))
            case "cost":
                self.body.show(details.cost(card, self._tried))
            case _:
                self.body.show(log.rows(self.feed.events_of(self.about), everything=True))
        pairs = [(action.key, action.label) for action in offered(self.feed, card)]
        more = [("[ ]", "attempt")] if len(self._tried) > 1 else []
        self._foot.show([hints([("Esc", "back"), ("← →", "tab"), *more, *pairs, ("e", "editor")], self.size.width)])

    def _tab_line(self) -> Row:
        parts: list[tuple[str, str]] = []
        for name in TABS:
            parts.append((f" {name} ", "tab" if name == self.tab else "dim"))
        attempt = self.attempt
        if attempt and len(self._tried) > 1 and self.tab in {"brief", "transcript", "diff"}:
            parts.append((f"  attempt {attempt['number']} of {len(self._tried)}", "warn"))
        return Row(tuple(parts))

    def _place(self) -> Path:
        attempt = self.attempt
        return self.feed.place(attempt["id"] if attempt else "none")

    def _follow(self) -> None:
        attempt = self.attempt
        if attempt is None:
            self.body.show([row("not tried yet", "dim")])
            return
        if not self._tails:
            self.body.show([])
            self._tails = [
                (details.Tail(self._place() / name), role) for name, role in (("stdout.log", ""), ("stderr.log", "warn"))
            ]
        ended = attempt["exit_code"] is not None or attempt["ended_at"] is not None
        for tail, role in self._tails:
            lines = tail.more(ended=ended)
            self.body.add([row(line, role) if role else details.said(line) for line in lines])

    def _ask_for_diff(self) -> None:
        attempt = self.attempt
        if attempt is None or not attempt["commit_id"]:
            self.body.show(details.diff(None))
            return
        look = partial(self.feed.diff, attempt["base"], attempt["commit_id"])
        self.run_worker(partial(self._show_diff, look, attempt["id"]), thread=True, exclusive=True, group="diff")

    def _show_diff(self, look: partial[str | None], attempt: str) -> None:
        """In a thread: git may take its time."""
        lines = details.diff(look())
        self.app.call_from_thread(self._have_diff, lines, attempt)

    def _have_diff(self, lines: list[Row], attempt: str) -> None:
        if self.tab == "diff" and self.attempt and self.attempt["id"] == attempt:
            self.body.show(lines)

    # --- keys and mouse --------------------------------------------------------------------------------------------------------

    def action_tab(self, by: int) -> None:
        self.action_to(TABS[(TABS.index(self.tab) + by) % len(TABS)])

    def action_to(self, name: str) -> None:
        self.tab = name
        self._open()

    def action_attempt(self, by: int) -> None:
        attempt = self.attempt
        if attempt:
            place = max(0, min(len(self._tried) - 1, self._tried.index(attempt) + by))
            self._number = self._tried[place]["number"]
            self._open()

    def action_edit(self) -> None:
        name = {"brief": "prompt.md", "transcript": "stdout.log"}.get(self.tab)
        path = self._place() / name if name else None
        if path is not None and path.exists():
            self.board.edit(path)
        else:
            self.board.edit_task(self.about)

    def on_lines_tapped(self, message: Lines.Tapped) -> None:
        end = 0
        for name in TABS if message.lines is self._tabs else ():
            end += len(name) + 2
            if message.x < end:
                self.action_to(name)
                return
