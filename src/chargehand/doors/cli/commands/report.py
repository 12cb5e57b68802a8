"""chargehand report"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

from chargehand.doors.cli import context

EPILOG = "Whether all of it is proven, and what is missing, says chargehand verify."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--milestone", "-m", metavar="TEXT", default="", help="only tasks whose milestone has this in its name")
    statuses = ["todo", "in_progress", "review", "done", "blocked"]
    parser.add_argument("--status", "-s", choices=statuses, default="", help="only tasks the file says this of")
    parser.add_argument("--uncovered-only", action="store_true", help="only requirements that no task traces to")
    parser.add_argument("--format", choices=["text", "markdown", "html"], default="text", dest="form", help="default: text")
    parser.add_argument("--output", "-o", metavar="FILE", help="write to FILE, in one step (default: stdout)")


def run(args: argparse.Namespace) -> int:
    from chargehand.doors.cli.render import matrix, matrix_html
    from chargehand.service import specs, tracing

    here = context.project(args)
    config = context.settings(args, here).config
    spec = specs.read(here, config.spec, config.format)
    sections = tracing.outline(here, config.spec, config.format)
    told = tracing.matrix(here, spec, sections, uncovered=args.uncovered_only, milestone=args.milestone, standing=args.status)
    out = io.StringIO()
    if args.json:
        out.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        shown = {"text": matrix.text, "markdown": matrix.markdown, "html": matrix_html.page}[args.form]
        shown(told, out if args.output else sys.stdout)
    if not args.output:
        sys.stdout.write(out.getvalue())
        return 0
    from chargehand.doors.cli.render.files import write_whole

    write_whole(Path(args.output), out.getvalue())
    print(f"{args.output}: {matrix.totals(told)}", file=sys.stderr)
    return 0
