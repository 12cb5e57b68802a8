"""The port ``Store`` in memory: transactions that happen or do not, everything encoded as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from chargehand.model.facts import Event, Fact, RunContinued, RunFinished, RunStarted, TaskRemoved
from chargehand.ports import AttemptRow, Charge, PaidRow, Request, RunRow, TaskRow

from .world import World

_encode = msgspec.json.Encoder().encode
_decode: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)


class FakeStore:
    """Outlives engines. ``heard`` is told every durable fact, in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.log: list[Event] = []
        self.runs: list[RunRow] = []
        self.tasks: dict[tuple[str, str], TaskRow] = {}
        self.attempts: dict[str, AttemptRow] = {}
        self.charges: list[Charge] = []
        self._paid: list[PaidRow] = []
        self.inbox: list[Request] = []
        self._open: set[int] = set()
        self.heard: Callable[[Fact], None] = lambda _fact: None

    def open_run(self) -> RunRow | None:
        return self.runs[-1] if self.runs and self.runs[-1].state != "finished" else None

    def new_run_id(self) -> str:
        return f"r{len(self.runs) + 1}"

    def commit(
        self,
        run: str,
        at: float,
        facts: Sequence[Fact],
        tasks: Sequence[TaskRow] = (),
        attempts: Sequence[AttemptRow] = (),
        charges: Sequence[Charge] = (),
    ) -> int:
        _encode([tasks, attempts, charges])
        bodies = [_encode(fact) for fact in facts]
        return self._world.act("commit", self._commit, run, at, bodies, tasks, attempts, charges)

    def _commit(
        self,
        run: str,
        at: float,
        bodies: Sequence[bytes],
        tasks: Sequence[TaskRow],
        attempts: Sequence[AttemptRow],
        charges: Sequence[Charge],
    ) -> int:
        self.charges += charges
        self._paid += [PaidRow(run, at, charge.task, charge.attempt, charge.usage) for charge in charges]
        for body in bodies:
            fact = _decode.decode(body)
            self.log.append(Event(len(self.log) + 1, at, run, fact))
            self._fold(run, at, fact)
            self._world.note("ledger", body.decode())
            self.heard(fact)
        for task in tasks:
            self.tasks[run, task.id] = task
        for attempt in attempts:
            self.attempts[attempt.id] = attempt
        return len(self.log)

    def _fold(self, run: str, at: float, fact: Fact) -> None:
        match fact:
            case RunStarted():
                self.runs.append(RunRow(fact.run, "running", "", at, None, fact.spec, fact.target))
            case RunContinued():
                self.runs[-1] = msgspec.structs.replace(self.runs[-1], state="running", reason="", ended_at=None)
            case RunFinished():
                self.runs[-1] = msgspec.structs.replace(self.runs[-1], state=fact.state, reason=fact.reason, ended_at=at)
            case TaskRemoved():
                if (row := self.tasks.get((run, fact.task))) and row.state != "landed":
                    del self.tasks[run, fact.task]

    def events(self, run: str) -> Iterator[Event]:
        return (event for event in self.log if event.run == run)

    def landed_before(self) -> dict[str, str]:
        newest = {task: row for (_, task), row in self.tasks.items()}
        return {task: row.commit for task, row in newest.items() if row.state == "landed"}

    def skipped_before(self) -> frozenset[str]:
        last = self.runs[-1].id if self.runs else ""
        return frozenset(task for (run, task), row in self.tasks.items() if row.state == "skipped" and run == last)

    def paid(self) -> Iterator[PaidRow]:
        return iter(self._paid)

    def post(self, kind: str, body: str = "") -> None:
        """What another process does."""
        self.inbox.append(Request(len(self.inbox) + 1, self._world.now, kind, body))
        self._open.add(len(self.inbox))

    def requests(self) -> list[Request]:
        if not self._open:
            return []
        return self._world.act("requests", lambda: [request for request in self.inbox if request.id in self._open])

    def answered(self, ids: Sequence[int]) -> None:
        self._world.act("answered", self._open.difference_update, ids)

    def close(self) -> None: ...
