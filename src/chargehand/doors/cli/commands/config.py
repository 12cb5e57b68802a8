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
    show.add_argument("-C", "--project", metavar="DIR", default=argparse.SUPPRESS, help="work on the project in DIR")


def run(args: argparse.Namespace) -> int:
    from chargehand.service.settings import SPEC_RUNNER, translated

    here = context.project(args)
    found = context.settings(args, here)
    rows, notes = found.rows(), translated(here, found.origins)
    if args.json:
        settings = [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]
        told = [{"key": note.key, "outcome": note.outcome, "to": note.to, "why": note.why} for note in notes]
        print(json.dumps({"schema_version": 1, "settings": settings, "translated": told}))
        return 0
    width = max(len(key) for key, _, _ in rows)
    for key, value, origin in rows:
        where = paint(f"  # {origin}", "dim", sys.stdout) if args.origin else ""
        print(f"{key:<{width}} = {json.dumps(value)}{where}")
    for note in notes:
        became = " ".join(filter(None, (f"-> {note.to}" if note.to else "", note.why)))
        print(paint(f"# {SPEC_RUNNER}: {note.key}: {note.outcome} {became}".rstrip(), "dim", sys.stdout))
    return 0
