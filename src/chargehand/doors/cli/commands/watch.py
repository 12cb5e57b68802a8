"""chargehand watch"""

from __future__ import annotations

import argparse

from chargehand.doors.cli import context, ending
from chargehand.doors.cli.commands import tui
from chargehand.doors.cli.commands.run import carry_out


def arguments(parser: argparse.ArgumentParser) -> None:
    tui.flag(parser)
    ending.flags(parser)
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.service.running import Order

    if args.tui:
        return tui.beside(args)
    return carry_out(args, Order(every=True, watch=True))
