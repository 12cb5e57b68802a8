"""chargehand plan"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from chargehand.doors.cli import context

if TYPE_CHECKING:
    from chargehand.model.config import Config
    from chargehand.model.task import Spec
    from chargehand.service.foreseen import Drafted, DraftForeseen
    from chargehand.service.project import Project

EPILOG = (
    "Nothing is run and nothing is paid, but with --from: then the planner is asked (the agent of [retry] planner, or else the "
    "default one), within the budget. Forecasts are kept, to be held against what comes."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--forecast", "-f", action="store_true", help="how long it may take and what it may cost, and what decides it"
    )
    what.add_argument("--calibration", action="store_true", help="how right earlier forecasts were")
    what.add_argument("--from", dest="source", metavar="FILE", help="have the planner make a spec of a text (-: standard input)")
    group = parser.add_argument_group("a spec out of a text, with --from")
    group.add_argument("--to", metavar="FILE", default="", help="where it is written (default: where the spec is looked for)")
    group.add_argument("--force", action="store_true", help="replace a file that is there")
    group.add_argument("--dry-run", "-n", action="store_true", help="say who would be asked; ask nobody, change nothing")
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.doors.cli.render import foresight
    from chargehand.model.errors import UsageProblem
    from chargehand.service import forecasting, specs

    here = context.project(args)
    if args.source:
        return _from_text(args, here)
    if args.to or args.force or args.dry_run:
        raise UsageProblem("--to, --force and --dry-run go with --from", hint="plan by itself runs nothing and writes nothing")
    if args.calibration:
        checked = forecasting.calibration(here)
        print(json.dumps(checked) if args.json else foresight.calibration(checked, sys.stdout))
        return 0
    config = context.settings(args, here).config
    spec = specs.read(here, config.spec, config.format)
    if not args.forecast:
        planned = forecasting.plan(here, config, spec)
        print(json.dumps(planned, ensure_ascii=False) if args.json else foresight.plan(planned, sys.stdout))
        return 0
    found = forecasting.forecast(here, config, spec)
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(foresight.forecast(found, sys.stdout) if found else f"{spec.path}: nothing is left to do")
    return 0


def _from_text(args: argparse.Namespace, here: Project) -> int:
    from chargehand.doors.cli.commands.run import shown
    from chargehand.doors.cli.notifying import Notifier
    from chargehand.doors.cli.render import foresight, progress
    from chargehand.model.config import NotifyConfig
    from chargehand.service import drafting, specs, workplace
    from chargehand.service.running import Order

    config = context.settings(args, here).config
    text = drafting.prose(here, args.source, sys.stdin.buffer)
    path = drafting.target(here, config, text, args.to, force=args.force)
    asking = workplace.resolve(here, drafting.settings(config, text), text)
    drafting.admitted(here, asking, os.environ)
    if args.dry_run:
        return _would_ask(args, here, asking, text, path)
    view = progress.choose(as_json=False, stream=sys.stderr)
    notifier = Notifier(NotifyConfig(when="never"), sys.stderr)
    report, _ = shown(here, asking, text, Order(every=True), view, notifier)
    if report.exit_code:
        reason = next((card.reason for card in report.asked if card.reason), report.end.reason)
        print(f"no spec was made of {text.path}: {reason}", file=sys.stderr)
        return report.exit_code
    if report.unrecorded:
        print(
            "this text was planned before: its draft is used again, nothing was paid (chargehand reset forgets it)", file=sys.stderr
        )
    drafting.write(here, path, drafting.kept(here, text), force=args.force)
    made: Drafted = drafting.drafted(here, config, text, specs.read(here, path), paid=report.unrecorded is None)
    if args.json:
        print(json.dumps(made, ensure_ascii=False))
        return 0
    print(foresight.plan(made["plan"], sys.stdout))
    own = "" if path == config.spec else f" --spec {path}"
    print(f"written to {path}; read it, then: chargehand run --all{own}", file=sys.stderr)
    return 0


def _would_ask(args: argparse.Namespace, here: Project, asking: Config, text: Spec, path: str) -> int:
    from chargehand.service import drafting, running
    from chargehand.wiring import hands

    running.preflight(hands(here, asking, text))
    told: DraftForeseen = drafting.foreseen(asking, text, path)
    if args.json:
        print(json.dumps(told, ensure_ascii=False))
        return 0
    model = f" ({told['model']})" if told["model"] else ""
    most = f", for {told['budget_usd']:g} USD at most" if told["budget_usd"] is not None else ", without a budget"
    print(f"{told['planner']}{model} would be asked to make tasks of {told['source']}, {told['characters']:,} characters{most}")
    print(f"what it answers would be written to {path}. Nobody was asked, nothing was changed.", file=sys.stderr)
    return 0
