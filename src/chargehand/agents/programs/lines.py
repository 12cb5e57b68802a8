"""What goes into a program of ours and what comes out of it: settings from a file, the prompt on stdin, one signal a line."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

KEY = "CHARGEHAND_AGENT_KEY"
"""The variable with the key of the model's provider. `begin` takes it out of the environment, so that no tool inherits it."""

_ALIVE_S = 1.0
_last_alive = 0.0


def begin() -> tuple[dict[str, Any], str, str]:
    """The settings, the key and the prompt."""
    settings: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return settings, os.environ.pop(KEY, ""), sys.stdin.buffer.read().decode(errors="replace")


def tell(kind: str, **told: Any) -> None:
    """Print one line. ``kind`` is a signal's; ``told`` its fields, of which those that say nothing are left out."""
    said = {name: value for name, value in told.items() if value is not None and value is not False and value != ""}
    # A model's half of a character is no reason to lose the line.
    sys.stdout.buffer.write(json.dumps({"type": kind, **said}, ensure_ascii=False).encode(errors="replace") + b"\n")
    sys.stdout.buffer.flush()


def alive() -> None:
    """Show that something comes in. No report needs it, so it is told at most once in a second."""
    global _last_alive  # noqa: PLW0603  a program has one stdout
    now = time.monotonic()
    if now - _last_alive >= _ALIVE_S:
        _last_alive = now
        tell("alive")


def fail(text: str, *, status: int = 0, code: str = "", otherwise: str = "", retry_after_s: float = 0.0) -> int:
    """The last word, when it did not work; the reader classifies it. Returns the exit code."""
    tell("final", failed=True, text=text, status=status, code=code, otherwise=otherwise, retry_after_s=retry_after_s)
    return 1
