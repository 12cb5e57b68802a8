"""The board. It asks the ledger ten times a second what is new and shows it; it holds nothing of its own but where one looks."""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from chargehand.doors.tui import totals
from chargehand.doors.tui.actions import ACTIONS, Action, offered
from chargehand.doors.tui.cards import COLUMNS, WHERE, Known
from chargehand.doors.tui.columns import Columns
from chargehand.doors.tui.launching import Engine, last_words, start
from chargehand.doors.tui.lines import row
from chargehand.doors.tui.page import Page, hints
from chargehand.doors.tui.palette import THEMES
from chargehand.doors.tui.reading import Lines
from chargehand.doors.tui.terminal import hung_up
from chargehand.model.errors import ChargehandError
from chargehand.service.boardcards import Card
from chargehand.service.boardticks import Ticks
from chargehand.service.boardview import Feed, Look
from chargehand.service.project import Project

if TYPE_CHECKING:
    from chargehand.doors.cli.notifying import Notifier
    from chargehand.doors.tui.filters import Test
    from chargehand.model.config import NotifyConfig

POLL_S = 0.1
_FORECAST_S = 3.0
"""At least; a forecast of many tasks is made so seldom that it takes half a hundredth of a core."""
_TICKS_S = 2
_UNSAID = 2000
"""Of the events that came while the log was not shown, so many of the last ones are in it."""


class Deck(Screen[None]):
    """Where the columns are. A screen has a meaning of its own for Tab; here it goes from column to column."""

    BINDINGS: ClassVar = [Binding("tab", "app.side(1)"), Binding("shift+tab", "app.side(-1)")]

    def render_lines(self, crop: Region) -> list[Strip]:
        """Nothing: what is on it covers it."""
        return [Strip.blank(crop.width)] * crop.height


class BoardApp(App[None]):
    """The board of a project. ``engine``: the run it was opened with, in a process of its own, which has no terminal: the board
    calls the person instead, as ``notify`` says."""

    CSS = """
    Screen { layout: vertical; }
    .edge { height: 1; }
    #log { height: 9; }
    #foot { height: 2; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [
        Binding("q,ctrl+q,ctrl+c", "quit"),
        Binding("up,k", "go(-1)"),
        Binding("down,j", "go(1)"),
        Binding("left", "side(-1)"),
        Binding("right", "side(1)"),
        Binding("pageup", "go(-4)"),
        Binding("pagedown,space", "go(4)"),
        Binding("home", "go(-1000000)"),
        Binding("end", "go(1000000)"),
        Binding("enter", "open"),
        Binding("escape", "all"),
        Binding("slash", "filter"),
        Binding("g", "view('graph')"),
        Binding("t", "view('timeline')"),
        Binding("c", "view('costs')"),
        Binding("question_mark", "view('help')"),
        Binding("l", "log"),
        Binding("e", "edit"),
        Binding("T", "theme"),
        *(Binding(action.key, f"steer('{action.key}')") for action in ACTIONS),
    ]

    def __init__(self, project: Project, engine: Engine | None = None, theme: str = "", notify: NotifyConfig | None = None) -> None:
        super().__init__()
        self.theme = theme or THEMES[0]
        self.feed = Feed(project)
        self.engine = engine
        self._notifier: Notifier | None = None
        if notify is not None:
            from chargehand.doors.cli.notifying import Notifier

            self._notifier = Notifier(notify, sys.stderr, ring=lambda _: self.bell())
        self.chosen = ""
        self.wanted = ""
        self._test: Test | None = None
        self._where: dict[str, int] = {}
        self._columns = Columns(self._known)
        self._head, self._foot, self._hints = Lines(), Lines(), Lines()
        self._journal = Lines(follow=True)
        self._unsaid: deque[tuple[Any, ...]] = deque(maxlen=_UNSAID)
        self._ticks = Ticks(self.feed)
        self._ticked: dict[str, tuple[int, int]] = {}
        self._left: float | None = None
        self._forecast_at = 0.0
        self._second = 0

    def compose(self) -> ComposeResult:
        yield self._head.add_class("edge")
        yield self._columns
        self._journal.id = "log"
        self._journal.display = False
        yield self._journal
        self._foot.id = "foot"
        yield self._foot
        yield self._hints.add_class("edge")

    def get_default_screen(self) -> Screen[None]:
        return Deck()

    def on_mount(self) -> None:
        self._journal.heading = "LOG"
        self.poll()
        gc.freeze()
        gc.enable()
        self.set_interval(POLL_S, self.poll)

    def on_unmount(self) -> None:
        self.feed.close()

    # --- what is new -----------------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Ask what is new and show it. A ledger that cannot be read now is asked again."""
        try:
            look = self.feed.look()
        except ChargehandError as error:
            self._head.show([row(error.message, "bad")])
            return
        second = int(time.time())
        beat, self._second = second != self._second, second
        if look.whole:
            self._fill()
        elif look.changed:
            self._move(look)
        if look.events:
            self._unsaid += look.events
            self._tell_log()
            self._call(look)
        if beat:
            self._beat(second)
        if beat or look:
            self._edges()
        if isinstance(self.screen, Page):
            self.screen.renew(look, beat=beat)

    def _tell_log(self) -> None:
        """Lines of the log are made when it is seen."""
        if self._journal.display:
            from chargehand.doors.tui import log

            self._journal.add(log.rows(self._unsaid))
            self._unsaid.clear()

    def _call(self, look: Look) -> None:
        """Call the person, if that is for the board to do."""
        if self._notifier is None or look.whole:
            return
        from chargehand.doors.tui import log
        from chargehand.model.facts import Event

        for seq, at, _, _, _, text in look.events:
            if (fact := log.fact(text)) is not None:
                self._notifier.hear(Event(seq, at, "", fact))

    def _fill(self) -> None:
        """Every card anew."""
        groups: list[list[Card]] = [[] for _ in COLUMNS]
        self._where = {}
        for card in self.feed.cards.values():
            if self._test is None or self._test(card):
                number = self._where[card.id] = WHERE[card.state]
                groups[number].append(card)
        for column, cards in zip(self._columns, groups, strict=True):
            column.fill(cards)
        if self.chosen not in self._where:
            self.chosen = next((found for number in (4, 2, 1, 6, 0, 5) if (found := self._columns.all[number].at(0))), "")
        self.choose(self.chosen, bring=False)

    def _move(self, look: Look) -> None:
        for task in look.changed:
            card = self.feed.cards[task]
            shown = self._test is None or self._test(card)
            old, new = self._where.get(task), WHERE[card.state] if shown else None
            if old is not None and old != new:
                self._columns.all[old].drop(task)
                del self._where[task]
            if new is not None:
                self._where[task] = new
                self._columns.all[new].put(card)
        if self.chosen:
            self.choose(self.chosen, bring=False)
        else:
            self._fill()

    def _beat(self, second: int) -> None:
        if second % _TICKS_S == 0:
            self._ticked = self._ticks.of(card for column in self._columns if column.place.tall == 5 for card in column.in_view())
        for column in self._columns:
            column.beat()
        self._columns.show()
        if not self.is_headless and hung_up():
            self.exit()
        if self.engine is not None and self.engine.poll() not in {None, 0, 1, 4, 130}:
            self.engine = None
            self.tell(last_words(self.feed.project), bad=True)

    def _edges(self) -> None:
        """What is above and below the columns."""
        now = time.time()
        if (began := time.monotonic()) > self._forecast_at:
            self._left = self.feed.remaining(now)
            self._forecast_at = began + max(_FORECAST_S, 200 * (time.monotonic() - began))
        width = self.size.width
        self._head.show([totals.head(self.feed, now, self.wanted, len(self._where))])
        lines = totals.foot(self.feed, now, self._left, width)
        if len(lines) != self._foot.size.height:
            self._foot.styles.height = len(lines)
        self._foot.show(lines)
        card = self.feed.cards.get(self.chosen)
        pairs = [(action.key, action.label) for action in offered(self.feed, card)]
        more = [("?", "help"), ("q", "quit"), ("/", "filter"), ("g", "graph"), ("t", "time"), ("c", "costs"), ("l", "log")]
        self._hints.show([hints([*([("Enter", "task")] if card else []), *pairs, *more], width)])

    def _known(self, card: Card) -> Known:
        feed = self.feed
        return Known(
            feed.moment(time.time()),
            feed.tries(),
            feed.gates(),
            feed.expected(card) if card.work else None,
            self._ticked.get(card.id),
        )

    def on_resize(self, _event: events.Resize) -> None:
        if self.feed.run is not None:
            self._edges()

    # --- going about -----------------------------------------------------------------------------------------------------------

    def choose(self, task: str, *, bring: bool = True) -> None:
        """Have another card chosen. It stays the chosen one wherever it goes."""
        self.chosen = task
        self._columns.choose(task, bring=bring)

    def action_go(self, by: int) -> None:
        number = self._where.get(self.chosen)
        if number is not None:
            column = self._columns.all[number]
            self.choose(column.at(max(0, column.place_of(self.chosen) + by)))
            self._edges()

    def action_side(self, by: int) -> None:
        number = self._where.get(self.chosen)
        if number is None:
            return
        here = self._columns.all[number]
        line = here.place_of(self.chosen) * here.place.tall - here.top
        ahead = self._columns.all[number + 1 :] if by > 0 else self._columns.all[:number][::-1]
        there = next((column for column in ahead if len(column)), None)
        if there is not None:
            self.choose(there.at((there.top + max(0, line)) // there.place.tall))
            self._edges()

    def on_columns_picked(self, message: Columns.Picked) -> None:
        self.choose(message.name, bring=False)
        self._edges()
        if message.opened:
            self.open_task(message.name)

    def open_task(self, task: str) -> None:
        """Show a task in full."""
        if task in self.feed.cards:
            self.chosen = task
            from chargehand.doors.tui.task_page import TaskPage

            self.push_screen(TaskPage(task))

    def action_open(self) -> None:
        self.open_task(self.chosen)

    def action_view(self, name: str) -> None:
        from chargehand.doors.tui.views import VIEWS

        self.push_screen(VIEWS[name]())

    def action_log(self) -> None:
        self._journal.display = not self._journal.display
        self._tell_log()
        self.choose(self.chosen)

    def action_theme(self) -> None:
        self.theme = THEMES[(THEMES.index(self.theme) + 1) % len(THEMES)] if self.theme in THEMES else THEMES[0]
        self._columns.show()
        self.refresh(layout=True)
        self.tell(f"theme {self.theme}")

    def action_filter(self) -> None:
        from chargehand.doors.tui.asking import Filter

        self.push_screen(Filter(self.wanted, self.filter))

    def action_all(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        elif self.wanted:
            self.filter("")

    def filter(self, query: str) -> str:
        """Show what fits; returns what is wrong with the query."""
        from chargehand.doors.tui.filters import parse

        self.wanted = query.strip()
        self._test, problem = parse(self.wanted)
        self._fill()
        self._edges()
        return problem

    # --- acting ----------------------------------------------------------------------------------------------------------------

    def action_steer(self, key: str) -> None:
        from chargehand.doors.tui.asking import Comment, Sure

        task = self.screen.about if isinstance(self.screen, Page) and self.screen.about else self.chosen
        action = next((one for one in offered(self.feed, self.feed.cards.get(task)) if one.key == key), None)
        if action is None:
            return
        if action.comment:
            self.push_screen(Comment(action.comment.format(task=task)), lambda text: self._do(action, task, text))
        elif action.sure:
            self.push_screen(Sure(action.sure.format(task=task)), lambda yes: self._do(action, task, "" if yes else None))
        else:
            self._do(action, task, "")

    def _do(self, action: Action, task: str, comment: str | None) -> None:
        """``comment`` is None when it was thought better of."""
        if comment is None:
            return
        try:
            self.tell(action.do(self.feed, task, self._start, comment))
        except ChargehandError as error:
            self.tell(f"{error.message}. {error.hint}" if error.hint else error.message, bad=True)

    def _start(self, words: list[str]) -> None:
        self.engine = start(self.feed.project, words)

    def action_edit(self) -> None:
        if self.chosen:
            self.edit_task(self.chosen)

    def edit_task(self, task: str) -> None:
        """The spec, at the task."""
        from chargehand.doors.tui.editor import where

        if self.feed.run is not None:
            self.edit(*where(self.feed.project, self.feed.run["spec"], task))

    def edit(self, path: Path, line: int = 1) -> None:
        """Give the terminal to the user's editor until it ends."""
        from textual.app import SuspendNotSupported

        from chargehand.doors.tui import editor

        try:
            with self.suspend():
                problem = editor.edit(path, line)
        except SuspendNotSupported:
            problem = "there is no terminal to edit in"
        self.refresh(layout=True)
        if problem:
            self.tell(problem, bad=True)

    def tell(self, message: str, *, bad: bool = False) -> None:
        """Say something for a few seconds."""
        from chargehand.doors.tui.words import safe

        text = "\n".join(safe(line) for line in message.splitlines())
        self.notify(text, severity="error" if bad else "information", markup=False, timeout=8 if bad else 3)
