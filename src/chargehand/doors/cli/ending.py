"""What a run leaves for others when it ends: a summary, JUnit XML, one JSON result, the step summary of GitHub Actions."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from chargehand.service.project import Project
    from chargehand.service.results import Outcomes
    from chargehand.service.running import Report

_STEP_SUMMARY_LIMIT = 900_000
"""Bytes: GitHub takes a MiB for a step and shows nothing of a longer one."""


def flags(parser: argparse.ArgumentParser) -> None:
    """For commands that run something."""
    group = parser.add_argument_group("when it ends")
    group.add_argument("--summary", metavar="FILE", help="write a summary, as Markdown")
    group.add_argument("--junit", metavar="FILE", help="write JUnit XML, a case for each task")
    group.add_argument(
        "--json-result", action="store_true", help="one JSON result on stdout, in spec-runner's shape; talk on stderr"
    )
    group.add_argument("--notify", choices=("auto", "always", "never"), help="bell and desktop, when it needs you or ends")


def check(args: argparse.Namespace) -> None:
    """Raises UsageProblem when a file could not be written: before anything is paid."""
    from chargehand.model.errors import UsageProblem

    if getattr(args, "json_result", False) and args.json:
        raise UsageProblem("--json and --json-result cannot both have stdout", hint="choose one of them")
    for option in ("summary", "junit"):
        name = getattr(args, option, None)
        if name and (Path(name).is_dir() or not Path(name).absolute().parent.is_dir()):
            raise UsageProblem(f"--{option}: cannot write {name}", hint="name a file in a folder that is there")


def tell(args: argparse.Namespace, here: Project, report: Report, asked: Collection[str]) -> None:
    """Write what was asked for. ``asked`` are the tasks that were to be done when the engine began."""
    summary, junit = getattr(args, "summary", None), getattr(args, "junit", None)
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    as_result = getattr(args, "json_result", False)
    if not (summary or junit or step or as_result):
        return
    from chargehand.doors.cli.render import report_files
    from chargehand.service.results import outcomes, results

    seen = outcomes(here)
    if as_result:
        print(json.dumps(results(seen, () if report.unrecorded else asked), ensure_ascii=False))
    if summary:
        Path(summary).write_text(report_files.markdown(seen), encoding="utf-8")
    if junit:
        Path(junit).write_bytes(report_files.junit(seen))
    if step:
        _append(step, seen)


def _append(step: str, seen: Outcomes) -> None:
    """What GitHub will not take is no reason to fail."""
    from chargehand.doors.cli.render import report_files

    text = report_files.markdown(seen).encode()
    if len(text) > _STEP_SUMMARY_LIMIT:
        text = text[:_STEP_SUMMARY_LIMIT].rpartition(b"\n")[0] + b"\n- ... and more: chargehand status --all\n"
    try:
        with Path(step).open("ab") as file:
            file.write(text)
    except OSError:
        pass
