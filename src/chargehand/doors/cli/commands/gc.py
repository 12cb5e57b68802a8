"""chargehand gc"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, plural, size

EPILOG = "What is not provably saved stays, and is listed with the reason. The ledger and what has landed are never touched."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", "-n", action="store_true", help="say what would go; remove nothing")
    parser.add_argument("--days", type=_days, default=30.0, metavar="N", help="how long an attempt is kept (default: 30)")


def run(args: argparse.Namespace) -> int:
    from chargehand.service.sweeping import sweep

    found = sweep(context.project(args), days=args.days, now=time.time(), dry_run=args.dry_run)
    if args.json:
        print(json.dumps(found))
        return 0
    for item in found["removed"]:
        print(f"{console_safe(item['path'])}" + (f"  {size(item['bytes'])}" if item["bytes"] else ""))
    for kept in found["kept"]:
        print(f"{paint('kept:', 'yellow', sys.stdout)} {console_safe(kept['path'])}: {console_safe(kept['reason'])}")
    counts = Counter[str](item["kind"] for item in found["removed"])
    what = ", ".join(plural(counts[kind], name) for kind, name in _NAMES if counts[kind]) or "nothing"
    print(f"{what} {'would be' if args.dry_run else ''} removed, {size(found['bytes'])}".replace("  ", " "))
    return 0


_NAMES = (("attempt", "attempt folder"), ("workspace", "workspace"), ("gate", "gate checkout"), ("ref", "ref"))


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days < 1e6:
        raise argparse.ArgumentTypeError("a number of days, 0 or more")
    return days
