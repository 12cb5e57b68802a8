"""chargehand why"""

from __future__ import annotations

import argparse
import json

from chargehand.doors.cli import context
from chargehand.doors.cli.render.text import console_safe
from chargehand.model.words import standing


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task, or the unmistakable beginning of its id")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import inspect

    seen = inspect.why(context.project(args), args.task)
    if args.json:
        print(json.dumps(seen, ensure_ascii=False))
        return 0
    print(f"{seen['task']} {standing(seen['state'])}" + (f": {console_safe(seen['reason'])}" if seen["reason"] else ""))
    for root in seen["waits_for"]:
        reason = f", {console_safe(root['reason'])}" if root["reason"] else ""
        print(f"  because {root['id']} {standing(root['state'])}{reason}")
    if seen["next"]:
        print(f"next: {seen['next']}")
    return 0
