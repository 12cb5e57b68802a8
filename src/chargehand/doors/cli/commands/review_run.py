"""chargehand review-run"""

from __future__ import annotations

import argparse
import json
import time

from chargehand.doors.cli import context
from chargehand.doors.cli.commands.run import carry_out

EPILOG = "The reports are in .chargehand/review/RUN; what was found becomes tasks, which the next `chargehand run --all` works on."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--commit", action="store_true", help="land the reports in review/ too, [review] commit")
    parser.set_defaults(independent=True)
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.service.running import Order, operator
    from chargehand.service.status import engine_of
    from chargehand.store.inbox import post

    here = context.project(args)
    if engine_of(here):
        post(here.ledger, "review", operator(), time.time())
        message = "an independent review is handed to the run that is under way"
        print(json.dumps({"schema_version": 1, "task": "review", "handed_over": True}) if args.json else message)
        return 0
    return carry_out(args, Order(review=True))
