"""chargehand diff"""

from __future__ import annotations

import argparse
import json
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render.difference import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task, or the unmistakable beginning of its id")
    parser.add_argument("--attempt", type=int, metavar="N", help="this attempt (default: the last)")
    parser.add_argument("--raw", action="store_true", help="bytes as they are, secrets and terminal escapes included")


def run(args: argparse.Namespace) -> int:
    from chargehand.model.redaction import Redactor
    from chargehand.service.inspect import diff

    told, raw = diff(context.project(args), args.task, args.attempt)
    if args.raw and not args.json:
        sys.stdout.buffer.write(raw)
        return 0
    text = Redactor().text(raw.decode("utf-8", "replace"))
    if args.json:
        print(json.dumps({**told, "diff": text}))
    else:
        show(text)
    return 0
