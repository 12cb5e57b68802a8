"""chargehand resume"""

from __future__ import annotations

import argparse

from chargehand.doors.cli import context, ending
from chargehand.doors.cli.asking import ask
from chargehand.doors.cli.commands.run import carry_out


def arguments(parser: argparse.ArgumentParser) -> None:
    ending.flags(parser)
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    """After a pause the engine goes on; where none works any more, a new one takes the run up."""
    from chargehand.service.running import Order
    from chargehand.service.status import engine_of

    if engine_of(context.project(args)) is None:
        return carry_out(args, Order(every=True))
    return ask(args, "resume", "", "the run goes on; the spec is read again")
