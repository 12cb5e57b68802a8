"""chargehand reject"""

from __future__ import annotations

import argparse

from chargehand.doors.cli.commands.approve import decide


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task about which you are asked")
    parser.add_argument("--comment", default="", metavar="TEXT", help="why; its agent is told so")
    parser.add_argument("--fix", action="store_true", help="have it changed as the comment says, instead of giving it up")


def run(args: argparse.Namespace) -> int:
    from chargehand.model.errors import UsageProblem

    if args.fix and not args.comment.strip():
        raise UsageProblem("--fix needs to know what is to be changed", hint='add --comment "..."')
    if args.fix:
        return decide(args, "fix", f"{args.task} goes back to its agent with your comment")
    return decide(args, "reject", f"{args.task} is given up")
