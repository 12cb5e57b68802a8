"""A diff, in colour on a terminal."""

from __future__ import annotations

import sys

from chargehand.doors.cli.render.style import coloured, paint

_COLOURS = (("diff ", "bold"), ("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def show(text: str) -> None:
    """Print a unified diff; nothing in it can do anything to the terminal."""
    from chargehand.process.transcript import clean

    if not coloured(sys.stdout):
        sys.stdout.write(clean(text))
        return
    for line in text.split("\n")[:-1]:
        colour = next((colour for start, colour in _COLOURS if line.startswith(start)), "")
        harmless = clean(line)
        sys.stdout.write((paint(harmless, colour, sys.stdout) if colour else harmless) + "\n")
