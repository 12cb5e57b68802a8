"""Events as lines a person reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

import msgspec

from chargehand.doors.tui.lines import Row
from chargehand.model.facts import Fact
from chargehand.model.words import spoken
from chargehand.model.work import Exit

_ROLE = {
    "task.landed": "ok", "task.failed": "bad", "task.needs_human": "warn", "attempt.ended": "warn", "notice": "warn",
    "run.finished": "bold", "run.started": "bold", "run.paused": "warn", "run.resumed": "bold", "agent.paused": "warn",
}  # fmt: skip

_known: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)
"""Made once: finding out what a fact may be takes a hundred times as long as reading one."""


def fact(text: str) -> Fact | None:
    """What an event says; None when it is of a newer chargehand."""
    try:
        return _known.decode(text)
    except (msgspec.MsgspecError, ValueError):
        return None


def rows(events: Iterable[tuple[Any, ...]], *, everything: bool = False) -> list[Row]:
    """A line for each event that says something to people; ``everything``: for each of them."""
    from chargehand.doors.cli.render.sentences import sentence
    from chargehand.process.transcript import clean

    lines = []
    for _, at, kind, task, attempt, text in events:
        read = fact(text)
        said = kind if read is None else clean(sentence(read, StringIO()))
        if not said:
            said = _plain(kind, task, text, everything=everything)
        if said:
            number = f" ({attempt.rpartition('.')[2]})" if everything and attempt else ""
            lines.append(
                Row(((time.strftime("%H:%M:%S  ", time.localtime(at)), "dim"), (said + number, _ROLE.get(kind, ""))), task)
            )
    return lines


def _plain(kind: str, task: str, text: str, *, everything: bool) -> str:
    """What the lines of a run leave unsaid, because the person is there who did it."""
    body = msgspec.json.decode(text)
    match kind:
        case "run.finished":
            return f"run {body['run']} {spoken(body['state'])}: {body['reason']}"
        case "run.paused":
            return f"paused by {body.get('by')}"
        case "run.resumed":
            return f"resumed by {body.get('by')}"
        case "agent.paused":
            return f"{body['agent']} waits: {body['reason']}"
        case "attempt.queued":
            return f"{task}  judged well, waits to land"
        case _ if everything:
            return f"{task}  {_quietly(kind, body)}"
        case _:
            return ""


def _quietly(kind: str, body: Mapping[str, Any]) -> str:
    """What only somebody wants to know who looks closely."""
    match kind:
        case "task.added":
            return "is in the spec"
        case "attempt.exited":
            return f"its agent: {msgspec.convert(body['exit'], Exit).describe()}"
        case "attempt.taken":
            return f"what it did is taken as {body['commit'][:10]}, {len(body.get('files') or ())} files"
        case "attempt.ended":
            return f"not landed: {body['reason']}"
        case _:
            return kind
