"""A run as it goes: a live table on a terminal, one line a fact in a pipe, one JSON object a fact for machines."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from chargehand.doors.cli.records import recorded
from chargehand.doors.cli.render import summary
from chargehand.doors.cli.render.sentences import sentence
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe
from chargehand.doors.cli.render.view import View
from chargehand.model.facts import Event
from chargehand.service.status import SCHEMA_VERSION, stamp

if TYPE_CHECKING:
    from chargehand.engine.runner import Runner
    from chargehand.service.running import Report


def choose(*, as_json: bool, stream: TextIO) -> View:
    """The view that fits the stream; what it shows is logged too where a log is kept."""
    if as_json:
        return recorded(JsonView(stream))
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        from chargehand.doors.cli.render.live import LiveView

        return recorded(LiveView(stream))
    return recorded(PlainView(stream))


class _Lines:
    """Lines for a reader who may go away (``| head``): then there is nothing more to say, and the run goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._deaf = False

    def _put(self, text: str) -> None:
        if not self._deaf:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                self._deaf = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def close(self) -> None:
        self._put("")


class JsonView(_Lines):
    """NDJSON: every fact of the ledger, flat, with its number and time; the last one is ``run.finished``."""

    def begin(self, runner: Runner) -> None:
        pass

    def hear(self, event: Event) -> None:
        self._put(json.dumps(flat(event), ensure_ascii=False) + "\n")

    def say(self, place: str, message: str) -> None:
        print(f"warning: {place}: {message}", file=sys.stderr)

    def note(self, message: str) -> None:
        print(message, file=sys.stderr)

    def summary(self, report: Report) -> None:
        pass


class PlainView(_Lines):
    """Plain lines, each complete in itself."""

    def begin(self, runner: Runner) -> None:
        pass

    def hear(self, event: Event) -> None:
        line = sentence(event.fact, self._stream)
        if line:
            clock = time.strftime("%H:%M:%S", time.localtime(event.at))
            self._put(f"{clock}  {line}\n")

    def say(self, place: str, message: str) -> None:
        print(f"{paint('warning:', 'yellow')} {console_safe(place)}: {console_safe(message)}", file=sys.stderr)

    def note(self, message: str) -> None:
        print(message, file=sys.stderr)

    def summary(self, report: Report) -> None:
        self._put(summary.text(report, self._stream))


def flat(event: Event) -> dict[str, Any]:
    """An event as machines see it."""
    head = {"schema_version": SCHEMA_VERSION, "seq": event.seq, "at": stamp(event.at), "run": event.run}
    return {**head, **msgspec.to_builtins(event.fact)}
