"""What all screens beside the board have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from textual.binding import Binding
from textual.screen import Screen

from chargehand.doors.tui.lines import Row
from chargehand.doors.tui.reading import Lines
from chargehand.service.boardview import Feed, Look


class Board(Protocol):
    """The application, as its pages know it."""

    feed: Feed
    chosen: str

    def open_task(self, task: str) -> None: ...
    def edit_task(self, task: str) -> None: ...
    def edit(self, path: Path, line: int = 1) -> None: ...


def hints(pairs: Sequence[tuple[str, str]], width: int) -> Row:
    """What the keys do, in one line of ``width``: those that come last give way. Help, which has them all, stays."""
    left = list(pairs)
    while len(left) > 1 and sum(len(key) + len(label) + 3 for key, label in left) - 1 > width:
        del left[-1 if left[-1][0] != "?" else -2]
    parts: list[tuple[str, str]] = []
    for key, label in left:
        parts += [(f"{'  ' if parts else ''}{key}", "key"), (f" {label}", "dim")]
    return Row(tuple(parts))


class Page(Screen[None]):
    """A screen that is renewed with the board. ``about``: the task it is about, if it is about one."""

    DEFAULT_CSS = """
    Page { layout: vertical; }
    Page > .edge { height: 1; }
    Page > .tabs { height: 1; }
    """

    BINDINGS = [  # noqa: RUF012 - textual's way
        Binding("escape,q", "app.pop_screen"),
        Binding("up,k", "go(-1)"),
        Binding("down,j", "go(1)"),
        Binding("pageup", "go(-15)"),
        Binding("pagedown,space", "go(15)"),
        Binding("home", "edge(-1)"),
        Binding("end", "edge(1)"),
        Binding("enter", "open"),
    ]
    body: Lines
    about = ""

    @property
    def board(self) -> Board:
        return cast("Board", self.app)

    def renew(self, look: Look, *, beat: bool) -> None:
        """The ledger says something new, or a second went by."""

    def action_go(self, by: int) -> None:
        self.body.move(by)

    def action_edge(self, way: int) -> None:
        self.body.move(way * 1_000_000)

    def action_open(self) -> None:
        if self.body.key:
            self.board.open_task(self.body.key)

    def on_lines_chosen(self, message: Lines.Chosen) -> None:
        self.board.open_task(message.key)
