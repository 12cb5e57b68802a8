"""What must hold of a project once its run has ended well, whatever happened on the way. Each broken promise is one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.chaos.scenario import Project, Scenario

from chargehand.store import reader

PRODUCT = {"gate_failed", "agent_failed", "conflict", "empty"}
"""Ends of an attempt after which the task has to be done again in any case."""


class Ledger(NamedTuple):
    """What the ledger holds: attempts by id with outcome and cause of exit; per attempt its charges; landings by task."""

    sound: str
    outcomes: dict[str, str]
    causes: dict[str, str]
    charges: dict[str, list[float | None]]
    landings: Counter[str]

    @classmethod
    def read(cls, project: Project) -> Ledger:
        db = reader.open_reader(project.state / "ledger.db")
        assert db is not None
        with db:
            sound: Any = db.execute("PRAGMA integrity_check").get
            outcomes: Any = dict(db.execute("SELECT id, outcome FROM attempts"))
            query = "SELECT attempt, coalesce(body ->> '$.exit.cause', '') FROM events WHERE kind = 'attempt.exited'"
            causes: Any = db.execute(query).fetchall()
            charges: dict[str, list[float | None]] = {}
            row: Any
            for row in db.execute("SELECT attempt, cost_usd FROM charges"):
                charges.setdefault(row[0], []).append(row[1])
            landings: Any = [task for (task,) in db.execute("SELECT task FROM events WHERE kind = 'task.landed'")]
        db.close()
        twice = [attempt for attempt, times in Counter(attempt for attempt, _ in causes).items() if times > 1]
        return cls(sound if not twice else f"two exits of {twice}", outcomes, dict(causes), charges, Counter(landings))


def broken(project: Project, scenario: Scenario, tree: str) -> Iterator[str]:
    """Every promise that was not kept. ``tree`` is the final tree of the run nothing happened to; empty: do not compare."""
    ledger = Ledger.read(project)
    if ledger.sound != "ok":
        yield f"ledger: {ledger.sound}"
    yield from _paid_twice(project, scenario, ledger)
    yield from _charged(project, ledger)
    yield from _landed(project, scenario, ledger, tree)
    yield from _lost(project, ledger)
    yield from _left_behind(project)


def _paid_twice(project: Project, scenario: Scenario, ledger: Ledger) -> Iterator[str]:
    receipts = project.receipts()
    for attempt, times in Counter(receipts.started).items():
        if times > 1:
            yield f"paid twice: {attempt} was started {times} times"
        if attempt not in ledger.outcomes:
            yield f"paid twice: {attempt} was started and is not in the ledger"
    yield from (f"overlap: {attempt} started while an earlier attempt of its task still ran" for attempt in receipts.overlaps)
    for task in scenario.tasks:
        ends = [
            ledger.outcomes[attempt] for attempt in set(receipts.started) if _task(attempt) == task and attempt in ledger.outcomes
        ]
        if ends.count("landed") != 1 or set(ends) - PRODUCT - {"landed", "interrupted"}:
            yield f"paid twice: {task} ended {sorted(ends)}"
    for attempt in receipts.started:
        if ledger.outcomes.get(attempt) == "interrupted" and ledger.causes.get(attempt) != "lost":
            yield f"paid twice: {attempt} was repeated although it was {ledger.causes.get(attempt)}"


def _charged(project: Project, ledger: Ledger) -> Iterator[str]:
    receipts = project.receipts()
    for attempt, outcome in ledger.outcomes.items():
        charges = ledger.charges.get(attempt, [])
        if len(charges) != 1:
            yield f"charge: {attempt} ({outcome}) was charged {len(charges)} times"
        elif attempt in receipts.reported and ledger.causes[attempt] == "exited" and charges[0] != receipts.reported[attempt]:
            yield f"charge: {attempt} reported {receipts.reported[attempt]} and was charged {charges[0]}"
        elif attempt not in receipts.started and charges[0]:
            yield f"charge: {attempt} never ran and was charged {charges[0]}"


def _landed(project: Project, scenario: Scenario, ledger: Ledger, tree: str) -> Iterator[str]:
    log = project.git("log", "--format=%(trailers:key=Chargehand-Task,valueonly)", "main").split()
    for task in scenario.tasks:
        if (log.count(task), ledger.landings[task]) != (1, 1):
            yield f"landed: {task} {log.count(task)} times in git, {ledger.landings[task]} times in the ledger"
    if tree and project.git("rev-parse", "main^{tree}") != tree:
        changed = project.git("diff", "--stat", tree, "main", check=False)
        yield f"tree: it is not that of the run without kills\n{changed}"


def _lost(project: Project, ledger: Ledger) -> Iterator[str]:
    """Whoever left a receipt had left a dirty file before, and either it or the work it became must be found."""
    refs = project.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/chargehand/attempts", depot=True).split()
    for attempt in set(project.receipts().started):
        if attempt not in refs:
            yield f"lost: nothing is kept of {attempt} ({ledger.outcomes.get(attempt)})"
            continue
        task = _task(attempt)
        files = project.git("ls-tree", "-r", "--name-only", f"refs/chargehand/attempts/{attempt}", depot=True).split()
        if f".dirty-{task}" not in files and f"out/{task}.txt" not in files:
            yield f"lost: the files of {attempt} ({ledger.outcomes.get(attempt)})"
    for attempt, commit in project.receipts().commits:
        held = project.git("for-each-ref", f"--contains={commit}", "refs/chargehand", depot=True, check=False)
        if "refs/chargehand/" not in held:
            yield f"lost: the commit {commit} of {attempt} ({ledger.outcomes.get(attempt)})"


def _left_behind(project: Project) -> Iterator[str]:
    if status := project.git("status", "--porcelain"):
        yield f"checkout: not clean:\n{status}"
    for depot in (False, True):
        if said := project.git("fsck", "--strict", "--no-dangling", "--no-progress", depot=depot, check=False):
            yield f"fsck of the {'depot' if depot else 'project'}: {said}"
    for folder in (project.root / ".git", project.state / "depot.git"):
        yield from (f"lock: {lock.relative_to(project.root)}" for lock in folder.rglob("*.lock"))
    work = project.state / "work"
    yield from (f"workspace: {left.name}" for left in (work.iterdir() if work.exists() else ()))


def _task(attempt: str) -> str:
    return attempt.split(".")[1]
