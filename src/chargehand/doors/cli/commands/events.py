"""chargehand events"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from chargehand.doors.cli import context

EPILOG = "With --json, every event as one object a line. Without, what people want to know of them."
_LOOK_S = 0.25


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="ID", default="", help="of this run (default: the last one)")
    parser.add_argument("--task", "-t", metavar="ID", default="", help="of this task only")
    parser.add_argument("--after", type=int, metavar="SEQ", default=0, help="only those with a higher number")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until the run ends")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import inspect
    from chargehand.service.status import engine_of

    here = context.project(args)
    name = inspect.run_named(here, args.run)
    last = args.after
    while True:
        alive = args.follow and engine_of(here) is not None
        found = inspect.events(here, name, last)
        for event in found:
            last = event["seq"]
            if not args.task or event.get("task", "") == args.task:
                _tell(event, as_json=args.json)
        sys.stdout.flush()
        if not alive:
            return 0
        time.sleep(_LOOK_S)


def _tell(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(event, ensure_ascii=False))
        return
    from datetime import datetime

    import msgspec

    from chargehand.doors.cli.render.sentences import sentence
    from chargehand.model.facts import Fact

    body = {key: value for key, value in event.items() if key not in {"schema_version", "seq", "at"}}
    try:
        said = sentence(msgspec.convert(body, Fact), sys.stdout)
    except msgspec.ValidationError:  # of a newer version
        said = event["event"]
    if said:
        clock = datetime.fromisoformat(event["at"]).astimezone().strftime("%H:%M:%S")
        print(f"{clock}  {said}")
