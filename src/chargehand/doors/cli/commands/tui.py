"""chargehand tui"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING

from chargehand.doors.cli import context

if TYPE_CHECKING:
    from collections.abc import Callable

    from chargehand.doors.tui.launching import Engine

EPILOG = "Closing the board changes nothing; several may be open beside a run. Keys: press ? in it."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--theme", metavar="NAME", default="", help="its colours; T goes through the themes")


def flag(parser: argparse.ArgumentParser) -> None:
    """For commands that run something."""
    parser.add_argument("--tui", action="store_true", help="run in the background, with the board beside it")


def run(args: argparse.Namespace) -> int:
    here = context.project(args)
    _ready(args, getattr(args, "theme", ""))
    _board()(here, theme=args.theme)
    return 0


def beside(args: argparse.Namespace) -> int:
    """Start the same command headless, as a process of its own, and show the board. The run does not end with the board."""
    from chargehand.doors.tui import launching
    from chargehand.service import specs, workplace

    here = context.project(args)
    _ready(args)
    config = context.settings(args, here).config  # what is wrong with it is said here, not in the background
    workplace.resolve(here, config, specs.read(here, config.spec, config.format))
    engine = launching.start(here, [word for word in sys.argv[1:] if word not in {"--tui", "--tu"}])
    left = _board()(here, engine=engine, notify=config.notify)
    code = engine.poll()
    if code is None:
        print("The run goes on. chargehand tui shows it again; chargehand stop ends it.", file=sys.stderr)
        return 0
    print(launching.last_words(here), file=sys.stdout if left else sys.stderr)
    return code


def _board() -> Callable[..., Engine | None]:
    """What shows it. Nothing of what is made until it is there will be garbage; it looks for some from then on."""
    gc.disable()
    from chargehand.doors.tui.opening import show

    return show


def _ready(args: argparse.Namespace, theme: str = "") -> None:
    from chargehand.model.errors import UsageProblem

    if args.json:
        raise UsageProblem("the board does not speak JSON", hint="chargehand status --json, or run --all --json")
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # textual draws on stderr
        raise UsageProblem("the board needs a terminal", hint="chargehand status tells the same in a pipe")
    if os.environ.get("TERM") == "dumb":
        raise UsageProblem("the board cannot draw on this terminal (TERM=dumb)", hint="chargehand status --watch")
    if theme:
        from textual.theme import BUILTIN_THEMES

        if theme not in BUILTIN_THEMES:
            raise UsageProblem(f"there is no theme {theme}", hint=f"there are: {', '.join(BUILTIN_THEMES)}")
