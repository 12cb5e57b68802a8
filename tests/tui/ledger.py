"""A ledger in which every kind of card stands, written by the store from facts, at fixed moments: what a snapshot needs."""

from __future__ import annotations

from pathlib import Path

from chargehand.engine.ledger import attempt_row, task_row
from chargehand.model.facts import (
    AttemptClaimed,
    AttemptEnded,
    AttemptExited,
    AttemptQueued,
    CommitTaken,
    Fact,
    QuestionAsked,
    RunStarted,
    TaskAdded,
    TaskFailed,
    TaskLanded,
    TaskNeedsHuman,
    VerdictGiven,
)
from chargehand.model.work import Exit, Usage, Verdict
from chargehand.plan.board import Board
from chargehand.ports import Charge
from chargehand.store.sqlite import SqliteStore

BEGAN = 1_790_000_000.0
NOW = BEGAN + 872.0
"""Fourteen and a half minutes later."""

CONFIG: dict[str, object] = {
    "jobs": 3, "retry": {"attempts": 3}, "gates": {"lint": {}, "test": {}}, "budget": {"run_usd": 5.0, "run_tokens": 1_000_000},
}  # fmt: skip


class Writer:
    """Facts into a ledger, one commit each, as an engine does it."""

    def __init__(self, root: Path, config: dict[str, object] | None = None) -> None:
        (root / ".chargehand").mkdir(parents=True, exist_ok=True)
        (root / "chargehand.toml").touch()
        self.store = SqliteStore.open(root / ".chargehand/ledger.db")
        self.board = Board()
        self.at = BEGAN
        self.say(RunStarted(run="r1", spec="spec/tasks.md", spec_digest="0", target="main", base="", agent="fake", jobs=3,
                            version="0", operator="ann", config=CONFIG if config is None else config))  # fmt: skip

    def say(self, *facts: Fact, after: float = 0.0) -> None:
        """Record facts ``after`` so many seconds."""
        self.at += after
        charges = []
        for fact in facts:
            if isinstance(fact, AttemptExited):
                attempt = self.board.cards[fact.task].attempt
                assert attempt is not None
                charges.append(Charge(fact.task, fact.attempt, "agent", attempt.agent, attempt.model, fact.charged, True))
            self.board.apply(fact, self.at)
        tasks, attempts = self.board.changed()
        self.store.commit("r1", self.at, facts, [task_row(one) for one in tasks], [attempt_row(one) for one in attempts], charges)
        self.board.forget_changes()

    def add(self, number: int, title: str, priority: int, *needs: int, milestone: str = "", hours: float | None = None,
            tags: tuple[str, ...] = ()) -> None:  # fmt: skip
        needed = tuple(name(one) for one in needs)
        self.say(TaskAdded(task=name(number), order=number, title=title, priority=priority, digest="0", needs=needed,
                           milestone=milestone, estimate_hours=hours, tags=tags))  # fmt: skip

    def begin(self, number: int, tried: int = 1, after: float = 0.0, agent: str = "claude") -> None:
        attempt = call(number, tried)
        fact = AttemptClaimed(task=name(number), attempt=attempt, number=tried, agent=agent, model="big", base="b" * 40)
        self.say(fact, after=after)

    def leave(self, number: int, after: float, tried: int = 1, usd: float = 0.12, code: int = 0) -> None:
        """Its agent ends, and what it did is taken."""
        self.at += after
        usage = Usage(5650, 1600, usd)
        ended = Exit(cause="exited", code=code, started_at=self.at - after, ended_at=self.at)
        self.say(AttemptExited(task=name(number), attempt=call(number, tried), exit=ended, usage=usage, charged=usage))
        commit = f"{number:040x}"
        self.say(CommitTaken(task=name(number), attempt=call(number, tried), commit=commit, proposal=commit, base="b" * 40))

    def judge(self, number: int, gate: str, word: str = "pass", tried: int = 1) -> None:
        evidence = "AssertionError: '9.99' != '10.00'\n  in test_split" if word == "fail" else ""
        summary = "exit code 1, 1 failed, 12 passed" if word == "fail" else "exit code 0, 13 passed"
        verdict = Verdict(gate=gate, commit=f"{number:040x}", verdict=word, summary=summary, evidence=evidence, duration_s=2.0)  # type: ignore[arg-type]
        self.say(VerdictGiven(task=name(number), attempt=call(number, tried), verdict=verdict))

    def land(self, number: int, minutes: float, tried: int = 1, usd: float = 0.12) -> None:
        self.begin(number, tried)
        self.leave(number, minutes * 60, tried, usd)
        self.judge(number, "lint", tried=tried)
        self.judge(number, "test", tried=tried)
        self.land_now(number, tried)

    def land_now(self, number: int, tried: int = 1) -> None:
        self.say(AttemptQueued(task=name(number), attempt=call(number, tried)))
        self.say(TaskLanded(task=name(number), attempt=call(number, tried), commit=f"{number:040x}"))

    def ask(self, number: int) -> None:
        """A person is asked whether it may land."""
        asked = QuestionAsked(task=name(number), attempt=call(number, 1), id=f"{call(number, 1)}.land", commit=f"{number:040x}",
                              text=f"may {number:012x} land?", answers=("approve", "reject", "fix", "skip"))  # fmt: skip
        self.say(asked)

    def fall(self, number: int, minutes: float, outcome: str, reason: str, tried: int = 1) -> None:
        self.begin(number, tried)
        self.leave(number, minutes * 60, tried, 0.05)
        if outcome == "gate_failed":
            self.judge(number, "test", "fail", tried)
        self.say(AttemptEnded(task=name(number), attempt=call(number, tried), outcome=outcome, reason=reason))  # type: ignore[arg-type]


def name(number: int) -> str:
    return f"TASK-{number:03d}"


def call(number: int, tried: int) -> str:
    return f"r1.{name(number)}.{tried}"


def every_kind(root: Path) -> Writer:
    """Every column has a card; the one at work is at its second attempt. The moment is NOW when it is done."""
    writer = Writer(root)
    writer.add(1, "Split an amount without losing a cent", 0, milestone="Sums", hours=1.0)
    writer.add(2, "Read and print amounts", 2, milestone="Sums", hours=1.0)
    writer.add(3, "API endpoints", 0, milestone="Sums", hours=2.0, tags=("api",))
    writer.add(4, "DB migrations", 1, 3, milestone="Storage", hours=2.0)
    writer.add(5, "Docs update", 2, 1, milestone="Storage")
    writer.add(6, "Everybody's balance", 1, 1, hours=1.0)
    writer.add(7, "Settle up with few payments", 1, 6, 2, hours=3.0)
    writer.add(8, "Auth service", 0, hours=1.0, tags=("Security", "api"))
    writer.add(9, "Timeouts of the gateway", 1)
    writer.add(10, "Wording of the terms, 日本語 too", 3)
    writer.add(11, "Release notes", 3, 7, 9)
    writer.add(12, "Exchange rates", 2, hours=1.0)
    writer.land(1, 2.5)
    writer.land(2, 1.1, usd=0.04)
    writer.land(8, 3.0, usd=0.33)
    writer.fall(9, 1.0, "gate_failed", "gate test: exit code 1")
    writer.fall(9, 1.0, "timeout", "ran out of time", tried=2)
    writer.say(TaskFailed(task=name(9), reason="2 attempts, the last: ran out of time"))
    writer.fall(10, 0.5, "refused", "which terms apply is not said")
    writer.say(TaskNeedsHuman(task=name(10), reason="which terms apply is not said"))
    writer.begin(12)
    writer.leave(12, 45)
    writer.judge(12, "lint")
    writer.ask(12)
    writer.begin(6)
    writer.leave(6, 60)
    writer.judge(6, "lint")
    writer.fall(3, 1.0, "gate_failed", "gate test: exit code 1")
    writer.begin(3, tried=2)
    place = root / ".chargehand/attempts" / call(3, 2)
    place.mkdir(parents=True)
    (place / "prompt.md").write_text("# TASK-003: API endpoints\n\nYou work on this one task. The gate `test` said no last time.\n")
    edit = '{"type": "tool_use", "name": "edit", "input": {"path": "api/routes.py"}}'
    (place / "stdout.log").write_text(f"I read the failing test first.\n{edit}\nNow the tests pass.\n")
    writer.at = NOW
    return writer
