"""chargehand logs"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chargehand.doors.cli import context

if TYPE_CHECKING:
    from chargehand.service.outputs import Logs


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task, or the unmistakable beginning of its id")
    parser.add_argument("--attempt", type=int, metavar="N", help="this attempt (default: the last)")
    parser.add_argument("--stderr", action="store_true", help="what it said on stderr (default: stdout)")
    parser.add_argument("--prompt", action="store_true", help="what it was told")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until the agent is done")
    parser.add_argument("--raw", action="store_true", help="bytes as they are, terminal escapes included")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import inspect

    here = context.project(args)
    attempt, place = inspect.transcript(here, args.task, args.attempt)
    path = place / ("prompt.md" if args.prompt else "stderr.log" if args.stderr else "stdout.log")
    if args.json:
        from chargehand.process.transcript import tail

        found: Logs = {
            "schema_version": 1,
            "task": attempt["task"],
            "attempt": attempt["number"],
            "path": str(path),
            "text": tail(path, 1 << 20),
        }
        print(json.dumps(found, ensure_ascii=False))
        return 0
    position = _copy(path, 0, raw=args.raw)
    while args.follow and not (place / "exit.json").exists():
        time.sleep(0.2)
        position = _copy(path, position, raw=args.raw)
    _copy(path, position, raw=args.raw)
    if not path.exists():
        print(f"attempt {attempt['number']} of {attempt['task']} said nothing there", file=sys.stderr)
    return 0


def _copy(path: Path, position: int, *, raw: bool) -> int:
    """Print what the file holds beyond ``position``; returns the new end. Without ``raw``, whole lines made harmless."""
    from chargehand.process.transcript import clean

    if not path.exists():
        return position
    with path.open("rb") as file:
        file.seek(position)
        while chunk := file.read(1 << 20):
            if raw:
                sys.stdout.buffer.write(chunk)
            else:
                sys.stdout.write(clean(chunk.decode("utf-8", "replace")))
            position = file.tell()
    sys.stdout.flush()
    return position
