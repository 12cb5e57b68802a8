"""chargehand stop"""

from __future__ import annotations

import argparse

from chargehand.doors.cli.asking import ask


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing but the options every verb has."""


def run(args: argparse.Namespace) -> int:
    return ask(args, "stop", "", "nothing new starts; the run ends when what runs is done")
