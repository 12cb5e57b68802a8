"""chargehand config"""

from __future__ import annotations

import argparse
import json
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="show", required=True)
    show = verbs.add_parser("show", help="every setting")
    show.add_argument("--origin", action="store_true", help="and where each comes from")
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="speak JSON on stdout")


def run(args: argparse.Namespace) -> int:
    here = context.project(args)
    rows = context.settings(args, here).rows()
    if args.json:
        settings = [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]
        print(json.dumps({"schema_version": 1, "settings": settings}))
        return 0
    width = max(len(key) for key, _, _ in rows)
    for key, value, origin in rows:
        where = paint(f"  # {origin}", "dim", sys.stdout) if args.origin else ""
        print(f"{key:<{width}} = {json.dumps(value)}{where}")
    return 0
