"""What an agent's stream tells while it works, in one form for every program."""

from __future__ import annotations

from typing import Literal

import msgspec

from chargehand.model.work import AgentError, Tokens

SignalKind = Literal[
    "session", "text", "thinking", "tool", "tool_result", "file", "usage", "wait", "denied", "question", "error", "final"
]


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. ``name`` is the tool, the path or the session id; ``text`` what a person would want to read of it.

    ``wait``: the program itself waits to try again. ``question``: it asks something of a person. ``final``: its last word.
    """

    kind: SignalKind
    text: str = ""
    name: str = ""
    failed: bool = False
    tokens: Tokens | None = None
    cost_usd: float | None = None
    error: AgentError | None = None
