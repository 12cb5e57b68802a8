"""Small questions at the foot of the board: are you sure, why, and what is to be shown."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input

from chargehand.doors.tui.filters import HELP
from chargehand.doors.tui.lines import Row
from chargehand.doors.tui.reading import Lines

_FOOT = """
    %(name)s { align: left bottom; background: transparent; }
    %(name)s > Horizontal { height: 1; background: $boost; }
"""


class Sure(ModalScreen[bool]):
    """Yes only by ``y``; everything else that one would press to get away is no."""

    DEFAULT_CSS = _FOOT % {"name": "Sure"}
    BINDINGS = [Binding("y", "answer(True)"), Binding("n,escape,q,enter", "answer(False)")]  # noqa: RUF012 - textual's way

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question
        self._line = Lines()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._line

    def on_mount(self) -> None:
        self.call_after_refresh(self._say)

    def on_resize(self) -> None:
        self._say()

    def _say(self) -> None:
        self._line.show([Row(((f"{self._question}  ", "warn"), ("y", "key"), (" yes   ", ""), ("n", "key"), (" no", "")))])

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Comment(ModalScreen[str | None]):
    """A line of text, by Enter; None by Escape."""

    DEFAULT_CSS = (
        _FOOT % {"name": "Comment"}
        + """
    Comment Input { border: none; height: 1; width: 1fr; padding: 0; background: $boost; }
    """
    )
    BINDINGS = [Binding("escape", "dismiss(None)")]  # noqa: RUF012 - textual's way

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Input(placeholder=f"{self._question} Enter sends it, Esc does not", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class Filter(ModalScreen[None]):
    """The query, applied while it is typed. ``apply`` returns what is wrong with it."""

    DEFAULT_CSS = (
        _FOOT % {"name": "Filter"}
        + """
    Filter Input { border: none; height: 1; width: 1fr; padding: 0; background: $boost; }
    Filter Lines { width: 2; height: 1; }
    """
    )
    BINDINGS = [Binding("escape", "leave(False)")]  # noqa: RUF012 - textual's way

    def __init__(self, query: str, apply: Callable[[str], str]) -> None:
        super().__init__()
        self._query, self._apply = query, apply

    def compose(self) -> ComposeResult:
        with Horizontal():
            line = Lines()
            self.call_after_refresh(line.show, [Row((("/", "key"),))])
            yield line
            yield Input(self._query, placeholder=HELP, select_on_focus=False, compact=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.input.set_class(bool(self._apply(event.value)), "-invalid")

    def on_input_submitted(self) -> None:
        self.action_leave(True)

    def action_leave(self, keep: bool) -> None:
        if not keep:
            self._apply("")
        self.dismiss()
