"""chargehand costs"""

from __future__ import annotations

import argparse
import json
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render import table
from chargehand.doors.cli.render.text import console_safe, money, plural, tokens


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=["task", "stage", "agent", "model"], default="task", help="what to group by (default: task)"
    )
    parser.add_argument(
        "--sort", choices=["cost", "tokens", "calls", "name"], default="cost", help="what comes first (default: what cost most)"
    )


def run(args: argparse.Namespace) -> int:
    from chargehand.service import inspect

    seen = inspect.costs(context.project(args), args.by, args.sort)
    if args.json:
        print(json.dumps(seen))
        return 0
    rows = [
        (
            console_safe(group["name"]) or "-",
            str(group["calls"]),
            tokens(group["input_tokens"]),
            tokens(group["output_tokens"]),
            money(group["cost_usd"]),
        )
        for group in seen["groups"]
    ]
    table.show(rows, (args.by.upper(), "CALLS", "TOKENS IN", "TOKENS OUT", "COST"), sys.stdout)
    total = seen["total"]
    print(
        f"{plural(total['calls'], 'call')}, {tokens(total['input_tokens'])} tokens in, {tokens(total['output_tokens'])} out, "
        f"{money(total['cost_usd'])}"
        + (f"; {plural(total['unmeasured'], 'call')} reported no usage" if total["unmeasured"] else "")
    )
    return 0
