"""chargehand: hand it a spec; a crew of coding agents hands back landed code."""

__version__ = "0.1.0"
