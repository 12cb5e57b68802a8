"""The run as a board shows it: read whole once, then only what changed. It asks the ledger and writes nothing.

A :class:`Feed` is a fold of the ledger like any other view; two of them beside a run see the same. Times are Unix seconds, money
is USD, durations are seconds, None means "not reported" or "not known".
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from chargehand.service.boardcards import TEMPO, Card, advance
from chargehand.service.project import Project
from chargehand.service.status import STATES, engine_of
from chargehand.store import reader
from chargehand.store.connection import explained

_DONE = frozenset({"landed", "skipped"})
_ENOUGH = 3
"""With fewer nothing is expected: a guess is not shown."""
_SUMS_S = 1.0
_ANEW = frozenset({"task.added", "task.removed", "run.started", "run.continued"})


class Look(NamedTuple):
    """What is new since the last look. ``whole``: everything was read anew. ``events`` are rows of ``reader.EVENT``."""

    whole: bool = False
    changed: frozenset[str] = frozenset()
    events: tuple[tuple[Any, ...], ...] = ()
    head: bool = False

    def __bool__(self) -> bool:
        return self.whole or bool(self.changed or self.events or self.head)


class Feed:
    """The last run of a project. ``run`` is None before the first one; ``alive``: an engine works on it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._db: Any = None
        self._file: tuple[int, int] | None = None
        self._mark, self._seq, self._last_at = -1, 0, 0.0
        self._summed, self._unsummed, self._asked = -_SUMS_S, False, -1.0
        self.run: dict[str, Any] | None = None
        self.alive = False
        self._forget()

    def _forget(self) -> None:
        self.cards: dict[str, Card] = {}
        self.config: dict[str, Any] = {}
        self.sums: dict[str, Any] = dict.fromkeys(("attempts", *reader.SUMS), 0)
        self.followers: dict[str, list[str]] = {}
        self.paused = ""
        self.waits: dict[str, tuple[float, str]] = {}
        self._counts: Counter[str] = Counter()
        self._tempo: list[tuple[float, float | None]] = []
        self._pace: tuple[float, float | None] | None = None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def look(self) -> Look:
        """What changed. Microseconds when nothing did. Raises EnvironmentProblem or Locked when the ledger cannot be read."""
        with explained(self.project.ledger):
            return self._look()

    def _look(self) -> Look:
        head = self._engine()
        if not self._open():
            return Look(whole=True) if self._lost() else Look(head=head)
        mark = reader.mark(self._db)
        if mark == self._mark:
            return Look(head=self._sum() or head)
        head = self._engine(news=True) or head
        with self._db:  # one moment for all that is read
            run = reader.last_run(self._db)
            if run is not None and run["reset_at"] is not None:
                run = None
            new = None if run is None else reader.events(self._db, run["id"], self._seq)
            same = run is not None and self.run is not None and run["id"] == self.run["id"]
            self.run = run
            if run is None or new is None:
                self._forget()
                look = Look(whole=True)
            elif not same or any(row[2] in _ANEW for row in new):
                look = self._whole(run["id"])
            else:
                look = self._partly(run["id"], new)
            self._mark, self._unsummed = mark, True
            head = self._sum() or head
        return look._replace(head=True) if look or head else look

    def _open(self) -> bool:
        """Have the ledger open, the one that is there now: it may have been made anew meanwhile."""
        try:
            found = self.project.ledger.stat()
            file = (found.st_dev, found.st_ino)
        except OSError:
            file = None
        if self._db is not None and file != self._file:
            self.close()
        if self._db is None and file is not None:
            self._db, self._file, self._mark = reader.open_reader(self.project.ledger), file, -1
            self.run = None
        return self._db is not None

    def _lost(self) -> bool:
        gone = self.run is not None
        self.run = None
        self._forget()
        return gone

    def _engine(self, *, news: bool = False) -> bool:
        """Whether the engine came or went. Asking touches its lock: not more than once a second, unless there are ``news`` though
        none was there."""
        now = time.monotonic()
        if now - self._asked < 1.0 and (self.alive or not news):
            return False
        self._asked = now
        alive = engine_of(self.project) is not None
        changed = alive != self.alive
        self.alive = alive
        return changed

    def _whole(self, run: str) -> Look:
        self._forget()
        self.config = msgspec.json.decode(reader.settings(self._db, run))
        hours = reader.estimates(self._db, run)
        self.cards = {row[0]: Card(row, hours.get(row[0])) for row in reader.tasks(self._db, run)}
        self._tempo = [(seconds, hours.get(task)) for task, seconds in reader.tempo(self._db, TEMPO)]
        self.followers = {task: [] for task in self.cards}
        for card in self.cards.values():
            for need in card.needs:
                if need in self.followers:
                    self.followers[need].append(card.id)
        for row in reader.unfinished(self._db, run):
            self._fold(row)
        for card in self.cards.values():
            self._stand(card)
        last = reader.latest_events(self._db, run, 1)
        self._seq, self._last_at = last[-1][:2] if last else (0, 0.0)
        return Look(whole=True, events=tuple(reader.latest_events(self._db, run, TEMPO)))

    def _partly(self, run: str, new: list[tuple[Any, ...]]) -> Look:
        begun = {row[3] for row in new if row[3] in self.cards}
        for row in reader.tasks(self._db, run, sorted(begun)) if begun else ():
            card = self.cards[row[0]]
            before = card.raw in _DONE
            card.read(row)
            if before != (card.raw in _DONE):
                begun |= set(self.followers[card.id])
        for event in new:
            self._fold(event)
        for task in begun:
            self._stand(self.cards[task])
        if new:
            self._seq, self._last_at = new[-1][:2]
        return Look(changed=frozenset(begun), events=tuple(new))

    def _stand(self, card: Card) -> None:
        """What a task is shown as."""
        blockers = tuple(need for need in card.needs if need in self.cards and self.cards[need].raw not in _DONE)
        card.blockers = blockers if card.raw == "todo" else ()
        self._counts[card.state] -= 1
        card.state = card.raw if card.raw != "todo" else "waiting" if blockers else "ready"
        self._counts[card.state] += 1
        if card.raw in _DONE or card.raw == "todo":
            card.work = None
        card.version += 1

    def _fold(self, row: tuple[Any, ...]) -> None:
        _, at, kind, task, attempt, text = row
        card = self.cards.get(task)
        if card is not None:
            advance(card, kind, attempt, at, text, self._tempo)
            if kind == "task.landed":
                self._pace = None
            return
        match kind:
            case "run.paused":
                self.paused = msgspec.json.decode(text).get("by") or "somebody"
            case "run.resumed" | "run.continued":
                self.paused = ""
            case "agent.paused":
                body = msgspec.json.decode(text)
                self.waits[body["agent"]] = (body["until"], body["reason"])
            case _:
                pass

    def _sum(self) -> bool:
        """Add up what was paid, if something may have been since; at most once a second."""
        now = time.monotonic()
        if self.run is None or not self._unsummed or now - self._summed < _SUMS_S:
            return False
        self.sums = reader.totals(self._db, self.run["id"])
        self._summed, self._unsummed = now, False
        return True

    # --- what follows from the cards -------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The run's: what the ledger says, but ``interrupted`` when its engine is gone, ``paused`` when nothing new starts."""
        if self.run is None:
            return "none"
        if self.run["state"] != "running":
            return str(self.run["state"])
        return "interrupted" if not self.alive else "paused" if self.paused else "running"

    def by_state(self) -> dict[str, int]:
        return {state: number for state in STATES if (number := self._counts[state])}

    def tries(self) -> int:
        """How many attempts a task gets."""
        return int(self.config.get("retry", {}).get("attempts", 3))

    def gates(self) -> int:
        return len(self.config.get("gates", {}))

    def cap(self) -> float | None:
        """What the run may cost."""
        value = self.config.get("budget", {}).get("run_usd")
        return None if value is None else float(value)

    def elapsed(self, now: float) -> float:
        return max(0.0, self.moment(now) - self.run["started_at"]) if self.run else 0.0

    def moment(self, now: float) -> float:
        """The moment the board shows: now, but the last thing that happened when no engine works."""
        return now if self.alive and self.run and self.run["ended_at"] is None else self._last_at

    def expected(self, card: Card) -> float | None:
        """How long an attempt at this takes, from those that landed and, where both are known, the estimates; None: too few."""
        if len(self._tempo) < _ENOUGH:
            return None
        if self._pace is None:
            ratios = [seconds / hours for seconds, hours in self._tempo if hours]
            self._pace = median(seconds for seconds, _ in self._tempo), median(ratios) if len(ratios) >= _ENOUGH else None
        plain, hourly = self._pace
        return hourly * card.hours if card.hours and hourly is not None else plain

    def remaining(self, now: float) -> float | None:
        """How long it may still take: the longest chain of what is left, or all of it shared by the jobs. None: not known."""
        from chargehand.plan.graph import topological

        if not self.alive or self.state != "running" or len(self._tempo) < _ENOUGH:
            return None
        left = {card.id: card for card in self.cards.values() if card.state in {"waiting", "ready", "working", "judging", "queued"}}
        chain: dict[str, float] = {}
        work = 0.0
        for task in topological({name: card.needs for name, card in left.items()}):
            card = left[task]
            own = self.expected(card) or 0.0
            if card.work is not None:
                own = max(0.0, own - (now - card.work.started_at))
            chain[task] = own + max((chain.get(need, 0.0) for need in card.needs), default=0.0)
            work += own
        return max(work / max(1, int(self.config.get("jobs", 1))), max(chain.values(), default=0.0))

    def critical_path(self) -> list[str]:
        """The longest chain of work of the whole run, by the estimates."""
        from chargehand.plan.graph import critical_path

        return critical_path(
            {card.id: card.needs for card in self.cards.values()}, {card.id: card.hours for card in self.cards.values()}
        )

    # --- looking closely, when somebody asks -----------------------------------------------------------------------------------

    def attempts(self, task: str = "") -> list[dict[str, Any]]:
        """The attempts of a task in every run since the last reset, or all of this run, with the keys of ``reader.ATTEMPT``."""
        if self._db is None or self.run is None:
            return []
        rows = reader.attempts(self._db, task) if task else reader.run_attempts(self._db, self.run["id"])
        return [dict(zip(reader.ATTEMPT, row, strict=True)) for row in rows]

    def verdicts(self, task: str) -> list[dict[str, Any]]:
        """What gates said of a task, with the keys of ``reader.VERDICT``."""
        rows = reader.verdicts(self._db, task) if self._db is not None else []
        return [dict(zip(reader.VERDICT, row, strict=True)) for row in rows]

    def events_of(self, task: str) -> list[tuple[Any, ...]]:
        return reader.task_events(self._db, self.run["id"], task) if self._db is not None and self.run else []

    def charges(self, by: str) -> list[tuple[Any, ...]]:
        """What this run paid, by ``task``, ``stage``, ``agent`` or ``model``: the group and the columns of ``reader.SUMS``."""
        return reader.charges(self._db, by, self.run["id"]) if self._db is not None and self.run else []

    def place(self, attempt: str) -> Path:
        """The folder with what an attempt was told (``prompt.md``) and said (``stdout.log``)."""
        return self.project.state / "attempts" / attempt

    def diff(self, base: str, commit: str) -> str | None:
        """What was changed between two commits, without secrets; None when it is no longer kept. Asks git: not for a busy loop."""
        from chargehand.depot import saved
        from chargehand.model.redaction import Redactor

        found = saved.diff(self.project.state / "depot.git", base, commit)
        return None if found is None else Redactor().text(found[1].decode("utf-8", "replace"))


def ask(project: Project, kind: str, task: str = "") -> int:
    """Leave a request (``stop``, ``pause``, ``resume``, ``cancel``, ``retry``) for the engine; returns its number.

    Raises UsageProblem when no engine works on the project.
    """
    from chargehand.model.errors import UsageProblem
    from chargehand.store.inbox import post

    if engine_of(project) is None:
        raise UsageProblem("no run is under way here", hint="chargehand run --all")
    return post(project.ledger, kind, task, time.time())
