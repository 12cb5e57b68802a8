"""chargehand status"""

from __future__ import annotations

import argparse
import gc
import json
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render import standing
from chargehand.service.status import STATES, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chargehand.service.outputs import Status

SHOWN = 40
"""Without --all, at most this many tasks are listed: those that need attention first."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", "-a", action="store_true", help="list every task, however many there are")
    parser.add_argument("--state", action="append", choices=STATES, default=[], help="only tasks in this state (may be repeated)")
    parser.add_argument("--tag", action="append", metavar="TAG", default=[], help="only tasks with this tag (may be repeated)")
    parser.add_argument("--watch", "-w", action="store_true", help="again whenever something changes, until the run ends")


def run(args: argparse.Namespace) -> int:
    gc.disable()  # it would go through 10,000 tasks again and again, and we are gone before it finds anything
    here = context.project(args)
    everything = args.json or args.all or bool(args.state or args.tag)
    most = None if everything else SHOWN
    if args.watch:
        from chargehand.doors.cli.watching import watch

        return watch(args, here, everything=everything, most=most)
    seen = status(here, tuple(args.state), most, tuple(args.tag))
    if seen:
        _show(args, seen, everything)
    else:
        _show(args, _before_run(args, most), everything)
        if not args.json:
            print("Nothing has run yet. Start with: chargehand run --all", file=sys.stderr)
    return 0


def _show(args: argparse.Namespace, seen: Status, everything: bool) -> None:
    if args.json:
        print(json.dumps(seen, ensure_ascii=False))
    else:
        print(standing.status(seen, everything=everything, stream=sys.stdout))


def _before_run(args: argparse.Namespace, most: int | None) -> Status:
    """What the spec says."""
    from chargehand.service import specs
    from chargehand.service.status import before_run

    here = context.project(args)
    config = context.settings(args, here).config
    return before_run(specs.read(here, config.spec, config.format), tuple(args.state), most, tuple(args.tag))
