"""chargehand cancel"""

from __future__ import annotations

import argparse

from chargehand.doors.cli.asking import ask


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", nargs="?", default="", metavar="ID", help="only the agent of this task (default: all, and the run)")


def run(args: argparse.Namespace) -> int:
    what = f"the agent of {args.task} is ended" if args.task else "what runs is ended; the next `chargehand run` goes on from there"
    return ask(args, "cancel", args.task, what)
