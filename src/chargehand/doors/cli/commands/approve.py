"""chargehand approve"""

from __future__ import annotations

import argparse
import json

from chargehand.doors.cli import context
from chargehand.doors.cli.render.text import console_safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chargehand.service.outputs import Decided


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", nargs="?", default="", metavar="ID", help="a task about which you are asked (default: list them)")
    parser.add_argument("--comment", default="", metavar="TEXT", help="goes on record with your answer")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import deciding

    if args.task:
        return decide(args, "approve", f"{args.task} may land")
    found = deciding.questions(context.project(args))
    if args.json:
        print(json.dumps({"schema_version": 1, "questions": found}, ensure_ascii=False))
        return 0
    for one in found:
        until = f" (until {one['until']})" if one["until"] else ""
        print(f"{one['task']}: {console_safe(one['text'])}{until}")
        print(f"  look: chargehand diff {one['task']}    answer: chargehand approve|reject|skip {one['task']}")
    if not found:
        print("nothing waits for your answer")
    return 0


def decide(args: argparse.Namespace, word: str, outcome: str) -> int:
    """Leave an answer for the engine and say what will come of it; ``reject`` and ``skip`` use it too."""
    from chargehand.service import deciding
    from chargehand.service.running import operator

    told = deciding.answer(context.project(args), args.task, word, args.comment, operator())
    return tell(args, told, outcome)


def tell(args: argparse.Namespace, told: Decided, outcome: str) -> int:
    """Say what was decided, and who will act on it."""
    if args.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(outcome if told["engine"] else f"{outcome}; the next `chargehand run` acts on it")
    return 0
