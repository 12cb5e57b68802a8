"""Telling a person who looks elsewhere: a bell on his terminal and a notification on his desktop, when a run needs him or ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING

from chargehand.doors.cli.render.text import console_safe
from chargehand.model import facts
from chargehand.model.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from chargehand.model.config import NotifyConfig
    from chargehand.model.facts import Event

_QUIET_S = 5.0
"""Of several tasks that need him at once only the first is told."""

_TAKES_OSC_9 = frozenset({"iTerm.app", "WezTerm", "ghostty"})
_SCRIPT = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")


class Notifier:
    """Hears a run's events. The bell only ever rings on a terminal: ``ring`` is given its text, where writing to ``stream`` is not
    the way."""

    def __init__(
        self,
        config: NotifyConfig,
        stream: TextIO,
        environ: Mapping[str, str] = os.environ,
        ring: Callable[[str], object] | None = None,
    ) -> None:
        when = config.when
        terminal = stream.isatty() and environ.get("TERM") != "dumb"
        self._on: frozenset[str] = frozenset(config.on)
        self._stream, self._environ, self._ring = stream, environ, ring or self._write
        self._bell = terminal and when != "never" and (when == "always" or not environ.get("CI"))
        self._desktop = _program(environ) if when == "always" or (self._bell and when == "auto") else ()
        self._last = -_QUIET_S
        self._threads: list[threading.Thread] = []

    def hear(self, event: Event) -> None:
        match event.fact:
            case facts.QuestionAsked(task=task, text=text):
                self._needs_you(task, text)
            case facts.TaskNeedsHuman(task=task, reason=reason):
                self._needs_you(task, reason)
            case facts.RunFinished(run=run, state="finished" | "failed" as state, reason=reason) if state in self._on:
                self._tell(f"chargehand: run {run} {state}", reason)
            case _:
                pass

    def _needs_you(self, task: str, text: str) -> None:
        now = time.monotonic()
        if "needs_you" in self._on and now - self._last >= _QUIET_S:
            self._last = now
            self._tell(f"chargehand: {task} needs you", text)

    def _tell(self, title: str, text: str) -> None:
        title, text = console_safe(title), console_safe(text)[:300]
        if self._bell:
            osc = f"\x1b]9;{title}: {text}\x07" if self._environ.get("TERM_PROGRAM") in _TAKES_OSC_9 else ""
            self._ring(f"{osc}\x07")
        if self._desktop:
            thread = threading.Thread(target=_show, args=((*self._desktop, title, text),), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """Give what was told last a moment to be shown."""
        for thread in self._threads:
            thread.join(1.0)


def _program(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What shows a notification on this desktop, given a title and a text; empty when there is none."""
    if sys.platform == "darwin" and shutil.which("osascript"):
        return ("osascript", *(word for line in _SCRIPT for word in ("-e", line)))
    if (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")) and shutil.which("notify-send"):
        return ("notify-send", "--app-name=chargehand", "--")
    return ()


def _show(argv: tuple[str, ...]) -> None:
    from chargehand.process.call import call

    with contextlib.suppress(EnvironmentProblem):  # a desktop that does not answer is no matter of the run
        call(argv, timeout=5.0)
