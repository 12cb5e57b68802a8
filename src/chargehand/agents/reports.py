"""What an agent reports in its transcript, one JSON object a line:

``{"usage": {"input_tokens": 9, "output_tokens": 2}, "cost_usd": 0.01}``, added up, and
``{"error": {"kind": "rate_limit", "message": "...", "retry_after_s": 30}}``, of which the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from chargehand.agents.stream import LONG, read_lines
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Report, Tokens, Usage

LINE_LIMIT = LONG
"""A longer line (bytes) is no report."""

ABSURD = 1e12
"""No report of one attempt is larger than this, in tokens or in USD."""


class _Line(msgspec.Struct):
    # `object`, not numbers: one bad value must not hide the good ones beside it.
    usage: object = None
    cost_usd: object = None
    error: object = None


_decoder = msgspec.json.Decoder(_Line)
_WORDS = (b'"usage"', b'"cost_usd"', b'"error"')


def read_report(stdout: Path) -> Report:
    """All that a transcript reports; empty when there is nothing, or no file. Memory use is flat."""
    total, error = Usage(), None
    for line in read_lines(stdout):
        if report := _report(line):
            total += _usage(report)
            error = _error(report) or error
    return Report(usage=total, error=error)


def line_signals(line: bytes) -> Iterator[Signal]:
    """What one line tells: a report, or text for people."""
    report = _report(line)
    if report is None:
        if text := line.decode(errors="replace").rstrip():
            yield Signal(kind="text", text=text)
        return
    usage = _usage(report)
    if usage.measured:
        tokens = Tokens(input=usage.input_tokens or 0, output=usage.output_tokens or 0)
        yield Signal(kind="usage", tokens=tokens, cost_usd=usage.cost_usd)
    if error := _error(report):
        yield Signal(kind="error", text=error.message, error=error)


def _report(line: bytes) -> _Line | None:
    known = line.startswith(b"{") and any(word in line for word in _WORDS)
    return _decoded(line) if known else None


def _decoded(line: bytes) -> _Line:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Line()


def _usage(report: _Line) -> Usage:
    tokens = report.usage if isinstance(report.usage, dict) else {}
    return Usage(
        input_tokens=_count(tokens.get("input_tokens")),
        output_tokens=_count(tokens.get("output_tokens")),
        cost_usd=_money(report.cost_usd),
    )


def _error(report: _Line) -> AgentError | None:
    """None also for a kind nobody knows: what is not understood is judged by the exit code alone."""
    try:
        error = msgspec.convert(report.error, AgentError)
    except (msgspec.ValidationError, RecursionError):
        return None
    sane = 0 <= error.retry_after_s <= ABSURD and 0 <= error.reset_at <= ABSURD
    return error if sane else msgspec.structs.replace(error, retry_after_s=0.0, reset_at=0.0)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= ABSURD else None


def _money(value: object) -> float | None:
    # A NaN fails both comparisons.
    return float(value) if type(value) in (int, float) and 0 <= value <= ABSURD else None  # type: ignore[operator, arg-type]
