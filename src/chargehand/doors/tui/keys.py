"""What the keys do."""

from __future__ import annotations

from chargehand.doors.tui.actions import ACTIONS
from chargehand.doors.tui.filters import HELP
from chargehand.doors.tui.lines import Row, row

_BOARD = (
    ("arrows", "go from card to card; j and k too, Home, End, PgUp, PgDn"),
    ("Enter", "the chosen task in full; a double click does the same"),
    ("/", f"filter: {HELP}"),
    ("g", "the graph of tasks"),
    ("t", "the timeline of attempts"),
    ("c", "what was paid"),
    ("l", "the log, below the columns"),
    ("e", "open the chosen task in $EDITOR"),
    ("T", "another theme"),
    ("?", "this help"),
    ("Esc", "back; on the board: show all cards again"),
    ("q", "close the board; a run goes on without it"),
)
_TASK = (
    ("← → Tab", "from tab to tab; 1 to 7 too"),
    ("[ ]", "the attempt before, the one after"),
    ("End", "follow the transcript again after scrolling up"),
    ("e", "open what is shown in $EDITOR"),
)


def rows() -> list[Row]:
    lines = [row("On the board", "head"), *map(_line, _BOARD), row(), row("In a task", "head"), *map(_line, _TASK), row()]
    lines += [row("Steering, where it can be done", "head"), *(_line((action.key, action.what)) for action in ACTIONS), row()]
    return [
        *lines,
        row("On a card at work", "head"),
        Row(
            (
                ("  ▓▓", "work"),
                ("▒", "work"),
                ("░░", "dim"),
                ("  stages passed, under way, to come: agent, commit, each gate, landing", ""),
            )
        ),
        Row((("  ☑2/5", ""), ("  the checklist as the agent has ticked it", ""))),
        Row(
            (
                ("  4m12s of ~12m", "dim"),
                ("  time spent, of what attempts that landed took", ""),
            )
        ),
        row(),
        row("The board holds nothing: several may be open, and closing one changes nothing.", "dim"),
    ]


def _line(pair: tuple[str, str]) -> Row:
    return Row(((f"  {pair[0]:<9}", "key"), (pair[1], "")))
