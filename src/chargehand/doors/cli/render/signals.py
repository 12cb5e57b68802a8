"""What an agent says, for people: its words as they are, its tools in colour, its errors in red."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from chargehand.doors.cli.render.style import paint
from chargehand.process.transcript import clean

if TYPE_CHECKING:
    from chargehand.model.signals import Signal


class Teller:
    """Writes signals to a stream, one after the other. A last word that was said before is not said again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._said = stream, ""

    def tell(self, signal: Signal) -> None:
        if line := self._line(signal):
            self._stream.write(line + "\n")

    def _line(self, signal: Signal) -> str:
        text, name = clean(signal.text).rstrip(), clean(signal.name)
        match signal.kind:
            case "text":
                self._said = text
                return text
            case "thinking":
                return self._all(text, "dim")
            case "tool":
                return paint(f"> {name}", "cyan", self._stream) + (f" {' '.join(text.split())}" if text else "")
            case "tool_result":
                return self._all("\n".join(f"  {line}" for line in text.splitlines()), "red" if signal.failed else "dim")
            case "file":
                return paint(f"> changes {name or text}", "cyan", self._stream)
            case "wait":
                return paint(f"waits: {text}" if text else "waits", "yellow", self._stream)
            case "denied":
                return paint(f"not allowed: {name} {text}".rstrip(), "yellow", self._stream)
            case "question":
                return self._all(f"asks: {text}", "yellow")
            case "error":
                return self._all(f"error: {text or (signal.error.message if signal.error else '')}", "red")
            case "final":
                return self._final(text, signal)
            case _:
                return ""

    def _final(self, text: str, signal: Signal) -> str:
        if signal.failed:
            return self._all(f"failed: {text or (clean(signal.error.message) if signal.error else '')}", "red")
        return "" if text == self._said else text

    def _all(self, text: str, colour: str) -> str:
        """Every line in a colour, so that cutting one out keeps it."""
        return "\n".join(paint(line, colour, self._stream) if line else "" for line in text.splitlines())
