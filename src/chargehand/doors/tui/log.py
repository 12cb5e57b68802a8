"""Events as lines a person reads."""

from __future__ import annotations

import time
from collections.abc import Iterable
from io import StringIO
from typing import Any

from chargehand.doors.tui.lines import Row

_ROLE = {
    "task.landed": "ok", "task.failed": "bad", "task.needs_human": "warn", "attempt.ended": "warn", "notice": "warn",
    "run.finished": "bold", "run.started": "bold", "run.paused": "warn", "run.resumed": "bold", "agent.paused": "warn",
}  # fmt: skip


def rows(events: Iterable[tuple[Any, ...]], *, everything: bool = False) -> list[Row]:
    """A line for each event that says something to people; ``everything``: for the others their name."""
    import msgspec

    from chargehand.doors.cli.render.sentences import sentence
    from chargehand.model.facts import Fact
    from chargehand.process.transcript import clean

    lines = []
    for _, at, kind, task, attempt, text in events:
        try:
            said = clean(sentence(msgspec.json.decode(text, type=Fact), StringIO()))
        except (msgspec.MsgspecError, ValueError):  # of a newer chargehand
            said = kind
        if not said:
            said = _plain(kind, task, text) or (f"{task}  {kind}" if everything else "")
        if said:
            number = f" ({attempt.rpartition('.')[2]})" if everything and attempt else ""
            lines.append(
                Row(((time.strftime("%H:%M:%S  ", time.localtime(at)), "dim"), (said + number, _ROLE.get(kind, ""))), task)
            )
    return lines


def _plain(kind: str, task: str, text: str) -> str:
    """What the lines of a run leave unsaid, because the person is there who did it."""
    import msgspec

    body = msgspec.json.decode(text)
    match kind:
        case "run.finished":
            return f"run {body['run']} {body['state'].replace('_', ' ')}: {body['reason']}"
        case "run.paused":
            return f"paused by {body.get('by')}"
        case "run.resumed":
            return f"resumed by {body.get('by')}"
        case "agent.paused":
            return f"{body['agent']} waits: {body['reason']}"
        case "attempt.queued":
            return f"{task}  judged well, waits to land"
        case _:
            return ""
