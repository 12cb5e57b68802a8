"""chargehand reset"""

from __future__ import annotations

import argparse
import json
import sys
import time

from chargehand.doors.cli import context


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    from chargehand.model.errors import UsageProblem
    from chargehand.service.resetting import reset

    here = context.project(args)
    if not args.yes:
        if not sys.stdin.isatty():
            raise UsageProblem("reset asks first, and there is no terminal to ask on", hint="chargehand reset --yes")
        print("The next run begins anew: tasks that the spec does not call done are worked on again.", file=sys.stderr)
        print("Commits, transcripts and what was paid are kept.", file=sys.stderr)
        if input("Reset? [y/N] ").strip().lower() not in {"y", "yes"}:
            return 0
    done = reset(here, time.time())
    if args.json:
        print(json.dumps(done))
    else:
        print(f"run {done['run']} is over; the next one begins anew" if done["run"] else "there was nothing to reset")
    return 0
