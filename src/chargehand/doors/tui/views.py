"""The screens beside the board: a title, lines that stay up to date, and what the keys do."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult

from chargehand.doors.tui import costs, graph, keys, timeline
from chargehand.doors.tui.lines import Row, row
from chargehand.doors.tui.page import Page, hints
from chargehand.doors.tui.reading import Lines
from chargehand.service.boardview import Feed, Look

HINTS = (("Esc", "back"), ("Enter", "task"), ("?", "help"))


class View(Page):
    """A page that is made of the feed as a whole. ``make`` gets the feed, the time and the width."""

    def __init__(
        self,
        title: str,
        make: Callable[[Feed, float, int], list[Row]],
        legend: Row | None = None,
        *,
        choose: bool = True,
        ticks: bool = False,
    ) -> None:
        super().__init__()
        self._heading, self._make, self._legend, self._ticks = title, make, legend, ticks
        self._stale = False
        self.body = Lines(choose=choose, wrap=not choose)
        self._head, self._foot = Lines(), Lines()

    def compose(self) -> ComposeResult:
        yield self._head.add_class("edge")
        yield self.body
        yield self._foot.add_class("edge")

    def on_mount(self) -> None:
        self.body.heading = self._heading
        self._head.display = self._legend is not None
        self.call_after_refresh(self._first)

    def _first(self) -> None:
        self._draw()
        self.body.point(self.board.chosen)

    def on_resize(self, _event: events.Resize) -> None:
        self._draw()

    def renew(self, look: Look, *, beat: bool) -> None:
        self._stale = self._stale or bool(look)
        if look.whole or (beat and (self._stale or self._ticks)):
            self._draw()

    def _draw(self) -> None:
        self._stale = False
        if self._legend:
            self._head.show([self._legend])
        self._foot.show([hints(HINTS if self.body.chooses else HINTS[:1], self.size.width)])
        self.body.show(self._make(self.board.feed, time.time(), self.body.size.width))


def graph_view() -> View:
    return View("GRAPH", lambda feed, _now, _width: graph.rows(feed.cards, feed.critical_path()) or _NONE, graph.LEGEND)


def timeline_view() -> View:
    def make(feed: Feed, now: float, width: int) -> list[Row]:
        return timeline.rows(feed.cards, feed.attempts(), feed.critical_path(), feed.moment(now), width)

    return View("TIMELINE", make, timeline.LEGEND, ticks=True)


def costs_view() -> View:
    return View("COSTS", lambda feed, _now, _width: costs.rows(feed))


def help_view() -> View:
    return View("HELP", lambda _feed, _now, _width: keys.rows(), choose=False)


_NONE = [row("nothing has run here yet", "dim")]
VIEWS: dict[str, Callable[[], View]] = {"graph": graph_view, "timeline": timeline_view, "costs": costs_view, "help": help_view}
"""By the name that the board's keys know."""
