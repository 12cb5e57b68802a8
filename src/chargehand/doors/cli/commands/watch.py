"""chargehand watch"""

from __future__ import annotations

import argparse

from chargehand.doors.cli import context
from chargehand.doors.cli.commands.run import carry_out


def arguments(parser: argparse.ArgumentParser) -> None:
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.service.running import Order

    return carry_out(args, Order(every=True, watch=True))
