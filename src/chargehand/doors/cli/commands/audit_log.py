"""chargehand audit-log"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chargehand.doors.cli import context
from chargehand.doors.cli.render.text import plural

if TYPE_CHECKING:
    from chargehand.service.audit import Sealed
    from chargehand.service.project import Project

EPILOG = (
    "One JSON object a line, chained by hashes. chargehand verify --audit FILE checks it; doctor --rebuild FILE restores from it."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="ID", default="", help="this run only (default: all, those that were reset too)")
    parser.add_argument("--output", "-o", metavar="FILE", help="write to FILE, in one step (default: stdout)")


def run(args: argparse.Namespace) -> int:
    from chargehand.service.audit import export

    here = context.project(args)
    if not args.output:
        export(here, args.run, sys.stdout.buffer)
        return 0
    sealed = _write(here, args.run, Path(args.output))
    if args.json:
        print(json.dumps({"schema_version": 1, "path": args.output, "events": sealed.lines, "seal": sealed.seal}))
    else:
        print(f"{args.output}: {plural(sealed.lines, 'event')}, sealed {sealed.seal}")
        print("Keep the seal apart: whoever has it can tell any other history.")
    return 0


def _write(here: Project, run: str, path: Path) -> Sealed:
    """Either the whole file or none, for the owner's eyes only."""
    from chargehand.model.errors import EnvironmentProblem
    from chargehand.service.audit import export

    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".audit-")
        with os.fdopen(handle, "wb") as out:
            sealed = export(here, run, out)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot write {path}: {error.strerror}", hint="name a file in a folder you may write to"
        ) from error
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
    return sealed
