"""chargehand undo"""

from __future__ import annotations

import argparse
import json
import time

from chargehand.doors.cli import context
from chargehand.doors.cli.commands.run import carry_out


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task that has landed; its change is taken back by a commit that is judged")
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.model.errors import UsageProblem
    from chargehand.service import inspect
    from chargehand.service.running import Order, operator
    from chargehand.service.status import engine_of
    from chargehand.store.inbox import post

    here = context.project(args)
    task = inspect.find(here, args.task)
    if task["state"] != "landed" or not task["commit"]:
        state = "landed without a commit" if task["state"] == "landed" else f"is {task['state'].replace('_', ' ')}, not landed"
        raise UsageProblem(f"{task['id']} {state}", hint=f"chargehand why {task['id']}")
    if engine_of(here):
        post(here.ledger, "undo", json.dumps({"task": task["id"], "by": operator()}), time.time())
        message = f"to take back {task['id']} is handed to the run that is under way"
        print(json.dumps({"schema_version": 1, "task": task["id"], "handed_over": True}) if args.json else message)
        return 0
    return carry_out(args, Order(undo=task["id"]))
