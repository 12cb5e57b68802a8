"""chargehand plan"""

from __future__ import annotations

import argparse
import json
import sys

from chargehand.doors.cli import context

EPILOG = "Nothing is run and nothing is paid. Forecasts are kept, to be held against what comes."


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--forecast", "-f", action="store_true", help="how long it may take and what it may cost, and what decides it"
    )
    what.add_argument("--calibration", action="store_true", help="how right earlier forecasts were")
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.doors.cli.render import foresight
    from chargehand.service import forecasting, specs

    here = context.project(args)
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
