"""chargehand logs"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chargehand.doors.cli import context

if TYPE_CHECKING:
    from chargehand.service.outputs import AttemptObject, Logs
    from chargehand.service.project import Project

_PIECE = 1 << 18
_LOOK_S = 0.2


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
    write, end = _writer(args, here, attempt)
    position = _copy(path, 0, write)
    while args.follow and not (place / "exit.json").exists():
        time.sleep(_LOOK_S)
        position = _copy(path, position, write)
    _copy(path, position, write)
    end()
    sys.stdout.flush()
    if not path.exists():
        print(f"attempt {attempt['number']} of {attempt['task']} said nothing there", file=sys.stderr)
    return 0


def _writer(
    args: argparse.Namespace, here: Project, attempt: AttemptObject
) -> tuple[Callable[[bytes], object], Callable[[], None]]:
    """What to do with each piece of the file, and at its end: as bytes, made harmless, or understood."""
    if args.raw:
        return sys.stdout.buffer.write, lambda: None
    if args.stderr or args.prompt:
        from codecs import getincrementaldecoder

        from chargehand.process.transcript import clean

        decoder = getincrementaldecoder("utf-8")("replace")
        return lambda piece: sys.stdout.write(clean(decoder.decode(piece))), lambda: None
    from chargehand.doors.cli.render.signals import Teller
    from chargehand.service.listening import voice

    heard, teller = voice(here, attempt["id"], attempt["agent"]), Teller(sys.stdout)

    def understand(piece: bytes) -> None:
        for signal in heard.feed(piece):
            teller.tell(signal)

    def end() -> None:
        for signal in heard.rest():
            teller.tell(signal)

    return understand, end


def _copy(path: Path, position: int, write: Callable[[bytes], object]) -> int:
    """Hand on what the file holds beyond ``position``; returns the new end."""
    if not path.exists():
        return position
    with path.open("rb") as file:
        file.seek(position)
        while piece := file.read(_PIECE):
            write(piece)
            position = file.tell()
    sys.stdout.flush()
    return position
