"""What the ledger knows of each task since the last reset: every attempt, every verdict, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chargehand.model import facts
from chargehand.model.work import Verdict
from chargehand.service.project import Project
from chargehand.store import reader


@dataclass
class Try:
    """An attempt. ``approvals``: what a person said yes to, by commit. ``done``: its program ended well. ``heard``: the commit
    gates spoke of, where what landed is another one."""

    id: str
    run: str
    number: int
    agent: str
    model: str
    proposal: str = ""
    outcome: str = ""
    reason: str = ""
    done: bool = False
    heard: str = ""
    verdicts: list[Verdict] = field(default_factory=list)
    approvals: dict[str, str] = field(default_factory=dict)

    def said(self, commit: str) -> dict[str, Verdict]:
        """The last word of each gate on a commit, or on the one it was judged as."""
        return {verdict.gate: verdict for verdict in self.verdicts if verdict.commit in {commit, self.heard}}


@dataclass
class Trail:
    """A task. ``landed``: by which attempt; None with ``by_hand``, when only the spec says that it is done. ``commit`` is what lies
    on the target, ``judged`` what the gates spoke of: another one, if what landed was joined with commits of the user. ``settings``
    are those the run had when it landed. ``part_of``: the task that was split into this."""

    task: str
    title: str = ""
    tries: list[Try] = field(default_factory=list)
    landed: Try | None = None
    commit: str = ""
    judged: str = ""
    at: float = 0.0
    by_hand: bool = False
    skipped_by: str = ""
    failed: str = ""
    part_of: str = ""
    removed: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Trails:
    """All tasks by id; ``target`` is the branch of the last run, ``landed`` all that ever landed."""

    tasks: dict[str, Trail] = field(default_factory=dict)
    landed: set[str] = field(default_factory=set)
    target: str = ""
    pending: str = ""


_decode = msgspec.json.Decoder(facts.Fact).decode


def read(project: Project) -> Trails:
    """Fold the ledger; empty when nothing has run. Raises EnvironmentProblem when it cannot be read."""
    db = reader.open_reader(project.ledger)
    if db is None:
        return Trails()
    with db:  # one moment for all that is read
        resets = reader.resets(db)
        trails = _fold(reader.journal(db), frozenset(resets))
    db.close()
    return trails


def _fold(rows: Iterator[tuple[Any, ...]], resets: frozenset[int]) -> Trails:
    trails, settings = Trails(), dict[str, Any]()
    for seq, at, run, body in rows:
        fact = _decode(body)
        match fact:
            case facts.RunStarted():
                settings, trails.target = fact.config, fact.target
            case facts.RunContinued():
                settings = fact.config
            case facts.TargetMoved():
                for trail in trails.tasks.values():
                    trail.commit = fact.commits.get(trail.commit, trail.commit)
            case facts.TargetDelivered():
                trails.pending = fact.command
            case _ if task := getattr(fact, "task", ""):
                trail = trails.tasks.setdefault(task, Trail(task))
                _advance(trail, fact, run)
                if isinstance(fact, facts.TaskLanded) and fact.attempt:
                    trails.landed.add(fact.commit)
                    trail.at, trail.settings = at, settings
            case _:
                pass
        if seq in resets:
            trails = Trails()
    return trails


def _advance(trail: Trail, fact: facts.Fact, run: str) -> None:
    """Facts about a task as a whole; those of one attempt go on to it."""
    match fact:
        case facts.TaskAdded():
            trail.title, trail.part_of, trail.removed = fact.title, fact.part_of, False
            trail.by_hand = fact.done and not trail.commit
        case facts.TaskRemoved():
            trail.removed = True
        case facts.AttemptClaimed():
            trail.tries.append(Try(fact.attempt, run, fact.number, fact.agent, fact.model))
            trail.failed = ""
        case facts.TaskLanded():
            _land(trail, fact)
        case facts.TaskFailed() | facts.TaskNeedsHuman():
            trail.failed = fact.reason
        case facts.TaskSkipped():
            trail.skipped_by = fact.by
        case facts.TaskReopened():
            trail.failed = ""
        case _:
            told = getattr(fact, "of", "") or getattr(fact, "attempt", "")
            tried = next((one for one in reversed(trail.tries) if one.id == told), None)
            if tried is not None:
                _advance_try(tried, fact)


def _land(trail: Trail, fact: facts.TaskLanded) -> None:
    tried = next((one for one in reversed(trail.tries) if one.id == fact.attempt), None)
    if tried is not None:
        tried.outcome, tried.heard = "landed", fact.judged
        trail.landed, trail.judged, trail.commit, trail.by_hand, trail.failed = tried, fact.commit, fact.commit, False, ""
    elif not fact.commit and trail.landed is None:
        trail.by_hand = True


def _advance_try(tried: Try, fact: facts.Fact) -> None:
    match fact:
        case facts.AttemptExited():
            tried.done = fact.exit.well(fact.finished)
        case facts.CommitTaken() | facts.CandidateMade():
            tried.proposal = fact.proposal
        case facts.VerdictGiven() | facts.ReviewGiven():
            tried.verdicts.append(fact.verdict)
        case facts.QuestionAnswered() if fact.answer == "approve":
            tried.approvals[fact.id] = fact.by
        case facts.AttemptEnded():
            tried.outcome, tried.reason = fact.outcome, fact.reason
        case _:
            pass
