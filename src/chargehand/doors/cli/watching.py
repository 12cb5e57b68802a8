"""The status again and again: in place on a terminal, one after the other in a pipe, one object a line as JSON."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from chargehand.doors.cli.render import standing, table
from chargehand.service.status import engine_of, status

if TYPE_CHECKING:
    from chargehand.service.outputs import Status
    from chargehand.service.project import Project

_LOOK_S = 0.5
_UP, _REST_OF_LINE, _BELOW = "\x1b[{}F", "\x1b[K", "\x1b[J"


def watch(args: argparse.Namespace, here: Project, *, everything: bool, most: int | None) -> int:
    """Show the status until no engine works any more. Ctrl-C only ends the looking."""
    in_place = not args.json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if in_place:
        room = max(3, shutil.get_terminal_size().lines - 5)
        most, everything = min(most or room, room), False
    before: Status | None = None
    height = 0
    try:
        while True:
            alive = engine_of(here) is not None
            seen = status(here, tuple(args.state), most, tuple(args.tag))
            if seen and (in_place or _still(seen) != _still(before)):
                if args.json:
                    print(json.dumps(seen, ensure_ascii=False), flush=True)
                else:
                    lines = standing.status(seen, everything=everything, stream=sys.stdout).split("\n")
                    height = _draw(lines, height) if in_place else _append(lines, first=before is None)
                before = seen
            if not alive:
                break
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        pass
    if before is None:
        print("Nothing has run yet. Start with: chargehand run --all", file=sys.stderr)
    return 0


def _still(seen: Status | None) -> object:
    """All but the clock."""
    return seen and {**seen, "totals": {**seen["totals"], "elapsed_s": 0}}


def _draw(lines: list[str], height: int) -> int:
    """Write over what was written before; whole lines at once, so that nothing flickers."""
    columns, rows = shutil.get_terminal_size()
    if len(lines) > (most := max(4, rows - 4)):  # one cannot go back up to what has scrolled away
        lines = [*lines[: most - 2], "...", lines[-1]]
    up = _UP.format(height) if height else ""
    sys.stdout.write(up + "".join(f"{line}{_REST_OF_LINE}\n" for line in lines) + _BELOW)
    sys.stdout.flush()
    return sum(max(1, -(-table.width(line) // columns)) for line in lines)


def _append(lines: list[str], *, first: bool) -> int:
    print("\n".join(([] if first else [""]) + lines), flush=True)
    return 0
