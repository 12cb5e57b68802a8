"""A task and its attempts, as they stand: what the board folds facts into."""

from __future__ import annotations

from typing import NamedTuple

from chargehand.model import facts
from chargehand.model.work import DONE_STATES, AgentError, Exit, Failure, Tally, Usage, Verdict
from chargehand.plan.routing import fingerprint

BY_PARTS = "(its parts)"
"""The agent of a task that was split: nobody, it lands when its parts have."""

BY_REVERT = "(revert)"
"""The agent of a task that takes back what another one landed: nobody, its commit is made in the depot."""

NOBODY = frozenset({BY_PARTS, BY_REVERT})

REVIEW = "review/"
"""What the gate of a review is called before its role."""


class Session(NamedTuple):
    """An agent's conversation that could be gone on with. ``root`` is the attempt that began it, ``commit`` holds what it has done
    so far on top of ``base``, ``total`` is what it has used. ``without`` are needs it began without, since they were skipped."""

    id: str
    root: str
    base: str
    commit: str
    total: Tally
    without: tuple[str, ...]


class Attempt:
    """One try, as far as it got. ``exit``, ``commit`` and ``proposal`` are empty until their stage is done."""

    def __init__(self, fact: facts.AttemptClaimed, at: float) -> None:
        self.id, self.task, self.number = fact.attempt, fact.task, fact.number
        self.agent, self.model, self.base = fact.agent, fact.model, fact.base
        self.resumes, self.root, self.start = fact.resumes, fact.root or fact.attempt, fact.start or fact.base
        self.before = Tally()
        self.without: tuple[str, ...] = ()
        self.finished: bool | None = None
        self.started_at = at
        self.reserved = fact.reserved
        self.error: AgentError | None = None
        self.ended_at: float | None = None
        self.exit: Exit | None = None
        self.usage = Usage()
        self.commit = ""
        self.proposal = ""
        self.proposal_base = ""
        self.files: tuple[str, ...] = ()
        self.verdicts: list[Verdict] = []
        self.reviews: dict[str, facts.ReviewAsked] = {}
        self.question: facts.QuestionAsked | None = None
        self.answer: facts.QuestionAnswered | None = None
        self.queued = False
        self.ground = ""
        """What its gates compare it with, where it is judged with others: what all of them stand on."""
        self.outcome = ""
        self.reason = ""
        self.excerpt = ""

    @property
    def well(self) -> bool:
        """Whether the agent ended as it should: by its exit code, or by what its stream says where it has one."""
        return self.exit is not None and self.exit.well(self.finished)

    def judged(self, gate: str, commit: str = "") -> Verdict | None:
        """What that gate said of the present proposal, or of ``commit``, if it was asked."""
        commit = commit or self.proposal
        return next((v for v in reversed(self.verdicts) if v.gate == gate and v.commit == commit), None)

    @property
    def said(self) -> tuple[Verdict, ...]:
        """All that was said of the change as it stands: of the proposal by gates, of the commit by reviewers and people."""
        return self.said_of(self.proposal)

    def said_of(self, judged: str) -> tuple[Verdict, ...]:
        """The same, where gates spoke of another commit, with which it landed."""
        return tuple(verdict for verdict in self.verdicts if verdict.commit in {judged, self.proposal, self.commit})


class Card:
    """One task, as it stands. ``state`` is ``todo`` until it is taken up; waiting and ready are derived from ``missing``.
    ``undone``: what it landed was taken back, whatever a copy of the spec still says of it."""

    def __init__(self, fact: facts.TaskAdded) -> None:
        self.state = "landed" if fact.done else "todo"
        self.reason = "done in the spec" if fact.done else ""
        self.attempt: Attempt | None = None
        self.attempts = 0
        self.failures: list[Failure] = []
        self.usage = Usage()
        self.working_s = 0.0
        self.commit = ""
        self.landed_at: float | None = None
        self.missing = 0
        self.part_of, self.description, self.checklist = fact.part_of, fact.description, fact.checklist
        self.kind, self.about = fact.kind, fact.about
        self.verdicts: tuple[Verdict, ...] = ()
        self.undone = False
        self.parts: tuple[str, ...] = ()
        self.replans = 0
        self.planning: facts.ReplanAsked | None = None
        self.rewrite = ""
        self.describe(fact)

    def describe(self, fact: facts.TaskAdded) -> None:
        self.id, self.order, self.title, self.priority = fact.task, fact.order, fact.title, fact.priority
        self.session: Session | None = None  # its agent was told another task
        self.own_needs, self.hours, self.milestone, self.tags = fact.needs, fact.estimate_hours, fact.milestone, fact.tags
        self.deferred = False

    @property
    def needs(self) -> tuple[str, ...]:
        """What must have landed before: what the spec says, and the parts of a task that was split."""
        return self.own_needs + self.parts

    @property
    def done(self) -> bool:
        return self.state in DONE_STATES


def failure_of(attempt: Attempt, fact: facts.AttemptEnded) -> Failure:
    """What the next attempt is told about this one."""
    said = tuple(verdict for verdict in attempt.said if verdict.verdict != "pass")
    return Failure(
        attempt=attempt.number,
        outcome=fact.outcome,
        reason=fact.reason,
        agent=attempt.agent,
        at=attempt.ended_at or 0.0,
        error=attempt.error,
        signal=(attempt.exit.signal or 0) if attempt.exit else 0,
        fingerprint=fingerprint(fact.outcome, said, fact.excerpt),
        base=attempt.base,
        commit=attempt.commit,
        files=attempt.files,
        verdicts=said,
        excerpt=fact.excerpt,
    )
