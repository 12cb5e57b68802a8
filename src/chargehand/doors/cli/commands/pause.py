"""chargehand pause"""

from __future__ import annotations

import argparse

from chargehand.doors.cli.asking import ask


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing but the options every verb has."""


def run(args: argparse.Namespace) -> int:
    return ask(args, "pause", "", "nothing new starts until `chargehand resume`")
