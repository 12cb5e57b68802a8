"""chargehand resume"""

from __future__ import annotations

import argparse

from chargehand.doors.cli.asking import ask


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing but the options every verb has."""


def run(args: argparse.Namespace) -> int:
    return ask(args, "resume", "", "the run goes on; the spec is read again")
