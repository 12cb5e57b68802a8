"""chargehand status"""

from __future__ import annotations

import argparse
import json
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render import table
from chargehand.service.status import STATES, status


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", "-a", action="store_true", help="list every task, however many there are")
    parser.add_argument("--state", action="append", choices=STATES, default=[], help="only tasks in this state (may be repeated)")


def run(args: argparse.Namespace) -> int:
    here = context.project(args)
    seen = status(here, tuple(args.state))
    if seen is None:
        return _nothing_yet(args)
    if args.json:
        print(json.dumps(seen, ensure_ascii=False))
    else:
        print(table.status(seen, everything=args.all or bool(args.state), stream=sys.stdout))
    return 0


def _nothing_yet(args: argparse.Namespace) -> int:
    """Before the first run: what the spec says."""
    from chargehand.service import specs
    from chargehand.service.status import before_run

    here = context.project(args)
    config = context.settings(args, here).config
    seen = before_run(specs.read(here, config.spec))
    if args.json:
        print(json.dumps(seen, ensure_ascii=False))
    else:
        print(table.status(seen, everything=args.all, stream=sys.stdout))
        print("Nothing has run yet. Start with: chargehand run --all", file=sys.stderr)
    return 0
