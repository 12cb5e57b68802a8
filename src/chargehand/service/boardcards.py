"""A task as a board shows it, folded from its row and its events."""

from __future__ import annotations

from typing import Any

import msgspec

TEMPO = 200
"""Of so many landed attempts, the newest, it is learned how long one takes."""


class Work:
    """The attempt under way. ``stage``: ``agent``, ``commit`` (being taken), ``gates``, ``land`` or ``plan``; ``passed`` counts the
    gates that said yes to the commit in hand, ``merged`` says it was made anew on a target that had moved."""

    __slots__ = ("agent", "attempt", "merged", "number", "passed", "root", "stage", "started_at")

    def __init__(self, attempt: str, root: str, number: int, agent: str, started_at: float, stage: str = "agent") -> None:
        self.attempt, self.root, self.number, self.agent, self.started_at = attempt, root, number, agent, started_at
        self.stage, self.passed, self.merged = stage, 0, False


class Card:
    """A task. ``blockers`` are what it waits for; ``answers`` are those a person can give to what is asked about it, since
    ``asked_at``; ``kind`` is how its last attempt failed (``timeout``, ``rate_limit``, ...); ``version`` is another one whenever
    anything else is."""

    __slots__ = (
        "answers", "asked_at", "attempts", "blockers", "commit", "cost_usd", "duration_s", "hours", "id", "input_tokens", "kind",
        "landed_at", "milestone", "needs", "output_tokens", "position", "priority", "raw", "reason", "state", "tags", "title",
        "version", "work",
    )  # fmt: skip

    def __init__(self, row: tuple[Any, ...], hours: float | None) -> None:
        self.id: str = row[0]
        self.hours = hours
        self.kind = ""
        self.answers: tuple[str, ...] = ()
        self.asked_at: float | None = None
        self.work: Work | None = None
        self.version = 0
        self.state = ""
        self.blockers: tuple[str, ...] = ()
        self.read(row)

    def read(self, row: tuple[Any, ...]) -> None:
        """Take over a row of the ledger's tasks; ``state`` and ``blockers`` follow from those of others."""
        (_, self.position, self.title, self.priority, needs, self.raw, self.reason, self.attempts, self.cost_usd, self.input_tokens,
         self.output_tokens, self.duration_s, self.commit, self.landed_at, self.milestone, tags) = row  # fmt: skip
        self.needs: tuple[str, ...] = tuple(needs.split())
        self.tags: tuple[str, ...] = tuple(tags.split("\n")) if tags else ()
        self.version += 1


def advance(card: Card, kind: str, attempt: str, at: float, text: str, tempo: list[tuple[float, float | None]]) -> None:
    """Take one event of a task into account."""
    work = card.work
    match kind:
        case "attempt.claimed":
            body = msgspec.json.decode(text)
            card.work = Work(attempt, body.get("root") or attempt, body["number"], body["agent"], at)
            card.kind = ""
        case "task.replanning":
            body = msgspec.json.decode(text)
            card.work = Work(attempt, attempt, card.attempts, body["agent"], at, "plan")
        case "attempt.exited":
            card.kind = (msgspec.json.decode(text).get("error") or {}).get("kind", "")
            if work:
                work.stage = "commit"
        case "attempt.ended":
            outcome = msgspec.json.decode(text)["outcome"]
            card.answers, card.asked_at = (), None
            card.kind = card.kind if card.kind and outcome in {"agent_failed", "unavailable", "refused"} else outcome
            card.work = None
        case "task.landed":
            if work:
                tempo.append((at - work.started_at, card.hours))
                del tempo[:-TEMPO]
            card.work = None
        case "task.replanned":
            card.work = None
        case "question.asked":
            card.answers, card.asked_at = tuple(msgspec.json.decode(text)["answers"]), at
        case "question.answered" | "task.skipped":
            card.answers, card.asked_at = (), None
        case _ if work:
            _step(work, kind, text)
        case _:
            pass


def _step(work: Work, kind: str, text: str) -> None:
    match kind:
        case "attempt.taken":
            work.stage = "gates"
        case "attempt.candidate":
            work.stage, work.passed, work.merged = "gates", 0, True
        case "gate.verdict":
            work.passed += msgspec.json.decode(text)["verdict"]["verdict"] == "pass"
        case "attempt.queued":
            work.stage = "land"
        case _:
            pass
