"""chargehand retry"""

from __future__ import annotations

import argparse
import json
import time

from chargehand.doors.cli import context, ending
from chargehand.doors.cli.commands.run import carry_out


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task that failed or needs you")
    ending.flags(parser)
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.model.errors import UsageProblem
    from chargehand.service import deciding, inspect
    from chargehand.service.running import Order
    from chargehand.service.status import engine_of
    from chargehand.store.inbox import post

    here = context.project(args)
    task = inspect.show(here, args.task)["task"]
    if deciding.open_question(here, task["id"]):
        raise UsageProblem(f"{task['id']} waits for your answer", hint=f"chargehand approve {task['id']}, or reject it")
    if task["state"] not in {"failed", "needs_human", "skipped"}:
        raise UsageProblem(f"{task['id']} is {task['state'].replace('_', ' ')}, not failed", hint=f"chargehand why {task['id']}")
    if engine_of(here):
        post(here.ledger, "retry", task["id"], time.time())
        message = f"{task['id']} is handed to the run that is under way"
        print(json.dumps({"schema_version": 1, "task": task["id"], "handed_over": True}) if args.json else message)
        return 0
    return carry_out(args, Order(reopen=task["id"]))
