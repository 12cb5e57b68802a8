"""Asking the engine that works on this project, in another process, for something."""

from __future__ import annotations

import argparse
import json
import time

from chargehand.doors.cli import context


def ask(args: argparse.Namespace, kind: str, body: str, outcome: str) -> int:
    """Leave a request in the inbox of a running engine and say what will come of it. Raises UsageProblem when none runs."""
    from chargehand.model.errors import UsageProblem
    from chargehand.service.status import engine_of
    from chargehand.store.inbox import post

    here = context.project(args)
    if engine_of(here) is None:
        raise UsageProblem("no run is under way here", hint="chargehand status")
    number = post(here.ledger, kind, body, time.time())
    if args.json:
        print(json.dumps({"schema_version": 1, "request": number, "kind": kind, "task": body}))
    else:
        print(outcome)
    return 0
