"""chargehand skip"""

from __future__ import annotations

import argparse

from chargehand.doors.cli import context
from chargehand.doors.cli.commands.approve import tell


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task that need not be done; what needs it goes on without")
    parser.add_argument("--comment", default="", metavar="TEXT", help="why; goes on record")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import deciding
    from chargehand.service.running import operator

    told = deciding.skip(context.project(args), args.task, args.comment, operator())
    return tell(args, told, f"{told['task']} is skipped")
