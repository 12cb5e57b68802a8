"""Tokens and money out of a transcript: JSON lines such as ``{"usage": {"input_tokens": 9}, "cost_usd": 0.01}``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from chargehand.model.work import Usage

LINE_LIMIT = 1024 * 1024
"""A longer line (bytes) is no report."""

ABSURD = 1e12
"""No report of one attempt is larger than this, in tokens or in USD."""


class _Report(msgspec.Struct):
    # `object`, not numbers: one bad value must not hide the good ones beside it.
    usage: object = None
    cost_usd: object = None


_decoder = msgspec.json.Decoder(_Report)


def read_usage(stdout: Path) -> Usage:
    """The sum of all reports in a transcript; an empty `Usage` when there is none, or no file. Memory use is flat."""
    total = Usage()
    try:
        with stdout.open("rb") as file:
            for line in _lines(file):
                if line.startswith(b"{") and (b'"usage"' in line or b'"cost_usd"' in line):
                    total += _report(line)
    except OSError:
        return total
    return total


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines of at most `LINE_LIMIT` bytes; longer ones are passed over piece by piece."""
    inside_long = False
    while piece := file.readline(LINE_LIMIT):
        ended = piece.endswith(b"\n") or len(piece) < LINE_LIMIT
        if not inside_long and ended:
            yield piece
        inside_long = not ended


def _report(line: bytes) -> Usage:
    try:
        report = _decoder.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Usage()
    tokens = report.usage if isinstance(report.usage, dict) else {}
    return Usage(
        input_tokens=_count(tokens.get("input_tokens")),
        output_tokens=_count(tokens.get("output_tokens")),
        cost_usd=_money(report.cost_usd),
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= ABSURD else None


def _money(value: object) -> float | None:
    # A NaN fails both comparisons.
    return float(value) if type(value) in (int, float) and 0 <= value <= ABSURD else None  # type: ignore[operator, arg-type]
