"""The facts of the ledger. Each is one event; the tables and every view are folded from them.

A fact is named in the past tense and holds only what cannot be derived from earlier ones. ``task`` and ``attempt`` are ids; an
attempt id is ``<task>.<number>`` within its run's namespace, e.g. ``r3-TASK-001.2``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from chargehand.model.work import AgentError, Exit, Outcome, RunState, Tally, Usage, Verdict


class _Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    pass


class RunStarted(_Fact, frozen=True, kw_only=True, tag="run.started"):
    run: str
    spec: str
    spec_digest: str
    target: str
    base: str
    agent: str
    jobs: int
    version: str
    operator: str = ""
    config: dict[str, object] = {}


class RunContinued(_Fact, frozen=True, kw_only=True, tag="run.continued"):
    """An engine took up a run that was open. ``spec_digest`` and ``config`` are those it goes on with."""

    run: str
    spec_digest: str
    agent: str
    jobs: int
    version: str
    operator: str = ""
    config: dict[str, object] = {}


class RunPaused(_Fact, frozen=True, kw_only=True, tag="run.paused"):
    """Nothing new starts until it is resumed. ``by`` is a person, or what cannot be done without."""

    by: str
    reason: str = ""


class RunResumed(_Fact, frozen=True, kw_only=True, tag="run.resumed"):
    by: str


class BudgetChanged(_Fact, frozen=True, kw_only=True, tag="budget.changed"):
    """A cap was changed between two starts of the run; None is "no cap"."""

    cap: str
    old: float | None
    new: float | None
    by: str


class AgentPaused(_Fact, frozen=True, kw_only=True, tag="agent.paused"):
    """No task is given to this agent before ``until`` (Unix seconds)."""

    agent: str
    until: float
    reason: str


class RunFinished(_Fact, frozen=True, kw_only=True, tag="run.finished"):
    run: str
    state: RunState
    reason: str


class TaskAdded(_Fact, frozen=True, kw_only=True, tag="task.added"):
    """Also recorded again when the spec changed the task: the last one counts. A part of a task that was split is not in the spec:
    it names the task in ``part_of`` and brings its own ``description`` and ``checklist``. Nor is one of another ``kind``: ``undo``
    (takes back what the task ``about`` landed), ``review`` (of all that landed), ``finding`` (of the review ``about``)."""

    task: str
    order: int
    title: str
    priority: int
    digest: str
    needs: tuple[str, ...] = ()
    estimate_hours: float | None = None
    milestone: str = ""
    tags: tuple[str, ...] = ()
    done: bool = False
    part_of: str = ""
    description: str = ""
    checklist: tuple[str, ...] = ()
    kind: Literal["", "undo", "review", "finding"] = ""
    about: str = ""


class TaskRemoved(_Fact, frozen=True, kw_only=True, tag="task.removed"):
    task: str


class AttemptClaimed(_Fact, frozen=True, kw_only=True, tag="attempt.claimed"):
    """The attempt counts from here on, whatever becomes of it. ``reserved`` is set aside for it in the budget.

    ``resumes`` names the agent's session it goes on with, ``root`` the attempt that began that session, whose workspace and HOME it
    has, and ``start`` the commit that holds what the session had done.
    """

    task: str
    attempt: str
    number: int
    agent: str
    model: str = ""
    base: str = ""
    reserved: Usage = Usage()
    resumes: str = ""
    root: str = ""
    start: str = ""


class AttemptExited(_Fact, frozen=True, kw_only=True, tag="attempt.exited"):
    """``usage`` is what the meter counted or the agent reported, ``charged`` what goes on the bill: the same, or what was reserved.

    ``finished`` is what its driver made of stream and exit (None: the exit code decides), ``total`` the sum of its ``session``.
    """

    task: str
    attempt: str
    exit: Exit
    usage: Usage = Usage()
    charged: Usage = Usage()
    error: AgentError | None = None
    finished: bool | None = None
    session: str = ""
    total: Tally = Tally()


class CommitTaken(_Fact, frozen=True, kw_only=True, tag="attempt.taken"):
    """``commit`` holds everything the agent left; ``proposal`` is the commit to be judged and landed (empty: no change)."""

    task: str
    attempt: str
    commit: str
    proposal: str
    base: str
    files: tuple[str, ...] = ()


class CandidateMade(_Fact, frozen=True, kw_only=True, tag="attempt.candidate"):
    """The target had moved: the proposal was made anew on its tip."""

    task: str
    attempt: str
    proposal: str
    base: str


class VerdictGiven(_Fact, frozen=True, kw_only=True, tag="gate.verdict"):
    task: str
    attempt: str
    verdict: Verdict


class AttemptQueued(_Fact, frozen=True, kw_only=True, tag="attempt.queued"):
    """Judged well; waits for its turn to land."""

    task: str
    attempt: str


class AttemptEnded(_Fact, frozen=True, kw_only=True, tag="attempt.ended"):
    """Not landed. A landed attempt is ended by ``task.landed``."""

    task: str
    attempt: str
    outcome: Outcome
    reason: str
    excerpt: str = ""


class TaskLanded(_Fact, frozen=True, kw_only=True, tag="task.landed"):
    """``commit`` is empty when the evidence is an exit code; ``target.moved`` says when it lies on the target under another name.
    ``attempt`` is empty for a task an earlier run landed.

    ``judged`` is the commit its gates spoke of where that is another one: the one it landed together with, in which it is
    contained; or, with ``rejudge = "overlap"``, itself as it was before it was put onto a target that had moved elsewhere."""

    task: str
    attempt: str = ""
    commit: str = ""
    judged: str = ""


class TaskFailed(_Fact, frozen=True, kw_only=True, tag="task.failed"):
    task: str
    reason: str


class TaskNeedsHuman(_Fact, frozen=True, kw_only=True, tag="task.needs_human"):
    task: str
    reason: str


class TaskReopened(_Fact, frozen=True, kw_only=True, tag="task.reopened"):
    """A person asked for it again: it gets a fresh allowance of attempts; what was paid stays paid."""

    task: str
    by: str


class ReplanAsked(_Fact, frozen=True, kw_only=True, tag="task.replanning"):
    """The task's tries are spent; a planner is asked what to do. ``attempt`` is the id of this call."""

    task: str
    attempt: str
    agent: str
    model: str = ""
    reserved: Usage = Usage()


class TaskReplanned(_Fact, frozen=True, kw_only=True, tag="task.replanned"):
    """``decision``: ``rewrite`` (``description`` is added to the task), ``split`` (``task.added`` follows for each of ``parts``),
    ``defer`` or ``give_up``."""

    task: str
    attempt: str
    decision: str
    reason: str
    description: str = ""
    parts: tuple[str, ...] = ()
    exit: Exit
    usage: Usage = Usage()
    charged: Usage = Usage()


class ReviewAsked(_Fact, frozen=True, kw_only=True, tag="review.asked"):
    """A reviewer looks at ``commit``, what the attempt ``of`` left. ``attempt`` is the id of this call."""

    task: str
    attempt: str
    of: str
    role: str
    commit: str
    agent: str
    model: str = ""
    reserved: Usage = Usage()


class ReviewGiven(_Fact, frozen=True, kw_only=True, tag="review.given"):
    """``verdict`` carries the findings; its gate is ``review/<role>``."""

    task: str
    attempt: str
    of: str
    verdict: Verdict
    exit: Exit
    usage: Usage = Usage()
    charged: Usage = Usage()


class QuestionAsked(_Fact, frozen=True, kw_only=True, tag="question.asked"):
    """A person is to decide on ``commit``. ``id`` names the question; ``answers`` are those that can be given. When nobody answers
    before ``until`` (Unix seconds; 0: it waits for ever), ``otherwise`` is the answer."""

    task: str
    attempt: str
    id: str
    commit: str
    text: str
    answers: tuple[str, ...]
    until: float = 0.0
    otherwise: str = ""


class QuestionAnswered(_Fact, frozen=True, kw_only=True, tag="question.answered"):
    """``answer``: ``approve``, ``reject``, ``fix`` (``comment`` tells what) or ``skip``."""

    task: str
    attempt: str
    id: str
    answer: str
    by: str
    comment: str = ""


class TaskSkipped(_Fact, frozen=True, kw_only=True, tag="task.skipped"):
    """A person said that it need not be done. What needs it goes on without."""

    task: str
    by: str
    reason: str = ""


class RunOffered(_Fact, frozen=True, kw_only=True, tag="run.offered"):
    """What landed lies on a ``branch`` of the run's own, to be merged into ``into``: ``command`` does it, or opens the pull request
    that could not be opened for the reason in ``problem``. ``url`` is the pull request's."""

    run: str
    branch: str
    into: str
    url: str = ""
    command: str = ""
    problem: str = ""


class TargetMoved(_Fact, frozen=True, kw_only=True, tag="target.moved"):
    """Somebody else moved the target branch. ``commits`` are those of landed tasks that had to be put on the new tip: under which
    name they had landed, and under which they lie there now. ``replayed`` counts them."""

    old: str
    new: str
    replayed: int = 0
    commits: dict[str, str] = {}


class TargetDelivered(_Fact, frozen=True, kw_only=True, tag="target.delivered"):
    """The user's repository has the commit: ``how`` is ``branch``, ``checkout`` or ``pending`` (then ``command`` takes it over)."""

    commit: str
    how: str
    command: str = ""


class HooksOwed(_Fact, frozen=True, kw_only=True, tag="hooks.owed"):
    """Plugins are to be told when this attempt has landed; ``paid``: they were."""

    task: str
    attempt: str
    paid: bool = False


class Noticed(_Fact, frozen=True, kw_only=True, tag="notice"):
    level: str
    message: str
    hint: str = ""


Fact = (
    RunStarted | RunContinued | RunPaused | RunResumed | RunFinished | BudgetChanged | AgentPaused
    | TaskAdded | TaskRemoved | TaskLanded | TaskFailed | TaskNeedsHuman | TaskReopened | TaskSkipped | ReplanAsked | TaskReplanned
    | ReviewAsked | ReviewGiven | QuestionAsked | QuestionAnswered
    | AttemptClaimed | AttemptExited | CommitTaken | CandidateMade | VerdictGiven | AttemptQueued | AttemptEnded
    | TargetMoved | TargetDelivered | RunOffered | HooksOwed | Noticed
)  # fmt: skip


class Event(msgspec.Struct, frozen=True):
    """A fact with its number in the ledger and the moment it was recorded (Unix seconds)."""

    seq: int
    at: float
    run: str
    fact: Fact
