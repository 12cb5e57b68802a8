"""The board: every task and attempt of a run, folded from the ledger's facts.

The fold is the same for facts just recorded and for facts read back after a crash, so an engine that starts anew stands exactly
where the last one stood. Decisions are incremental: landing a task touches its dependents, never the rest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable

from chargehand.model import facts
from chargehand.plan import graph
from chargehand.plan.cards import REVIEW, Attempt, Card, Session, failure_of

LAST = 9
"""The priority of a task that was deferred."""

_OfAttempt = facts.AttemptExited | facts.CommitTaken | facts.CandidateMade | facts.AttemptQueued


class Board:
    """Fold facts in with :meth:`apply`, then :meth:`open` the graph, then ask :meth:`take` what to start."""

    def __init__(self) -> None:
        self.cards: dict[str, Card] = {}
        self.run = ""
        self.agent_pauses: dict[str, tuple[float, float]] = {}
        self.changed_tasks: dict[str, Card] = {}
        self.changed_attempts: dict[str, Attempt] = {}
        self.owed: dict[str, Attempt] = {}
        """Attempts whose landing plugins are to be told of."""
        self._followers: dict[str, list[str]] = {}
        self._urgency: dict[str, tuple[int, float]] = {}
        self._ready: list[tuple[tuple[int, float], int, str]] = []
        self._opened = False
        self._fold: dict[type, Callable[..., None]] = {
            facts.RunStarted: self._run_started,
            facts.AgentPaused: self._agent_paused,
            facts.TaskAdded: self._task_added,
            facts.TaskRemoved: self._task_removed,
            facts.AttemptClaimed: self._claimed,
            facts.AttemptExited: self._exited,
            facts.CommitTaken: self._taken,
            facts.CandidateMade: self._candidate,
            facts.VerdictGiven: self._verdict,
            facts.AttemptQueued: self._queued,
            facts.AttemptEnded: self._ended,
            facts.TaskLanded: self._landed,
            facts.TargetMoved: self._target_moved,
            facts.TaskFailed: self._failed,
            facts.TaskNeedsHuman: self._needs_human,
            facts.TaskReopened: self._reopened,
            facts.TaskSkipped: self._skipped,
            facts.ReviewAsked: self._reviewing,
            facts.ReviewGiven: self._reviewed,
            facts.QuestionAsked: self._asked,
            facts.QuestionAnswered: self._answered,
            facts.ReplanAsked: self._replanning,
            facts.TaskReplanned: self._replanned,
            facts.HooksOwed: self._hooks_owed,
        }

    # -- folding ------------------------------------------------------------------------------------------------------------

    def apply(self, fact: facts.Fact, at: float) -> None:
        """Fold one fact. ``at`` is when it was recorded (Unix seconds)."""
        fold = self._fold.get(type(fact))
        if fold:
            fold(fact, at)

    def _run_started(self, fact: facts.RunStarted, _at: float) -> None:
        self.run = fact.run

    def _agent_paused(self, fact: facts.AgentPaused, at: float) -> None:
        self.agent_pauses[fact.agent] = (fact.until, fact.until - at)

    def _task_added(self, fact: facts.TaskAdded, _at: float) -> None:
        card = self.cards.get(fact.task)
        if card is None:
            card = self.cards[fact.task] = Card(fact)
        else:
            card.describe(fact)
            if card.state == "cancelled":  # the spec has it again
                self._move(card, "todo", "")
        if card.part_of and card.id not in self.cards[card.part_of].parts:
            self.cards[card.part_of].parts += (card.id,)
        self._opened = False
        self.changed_tasks[card.id] = card

    def _task_removed(self, fact: facts.TaskRemoved, _at: float) -> None:
        card = self.cards[fact.task]
        if not card.done:
            self._move(card, "cancelled", "no longer in the spec")
            self._release(card)

    def _claimed(self, fact: facts.AttemptClaimed, at: float) -> None:
        card = self.cards[fact.task]
        card.attempts = max(card.attempts, fact.number)
        card.attempt = Attempt(fact, at)
        if fact.resumes and card.session:
            card.attempt.before, card.attempt.without = card.session.total, card.session.without
        else:
            card.attempt.without = tuple(n for n in card.needs if n in self.cards and self.cards[n].state != "landed")
        self._move(card, "working", f"attempt {fact.number}, {fact.agent}")
        self.changed_attempts[fact.attempt] = card.attempt

    def _live(
        self, fact: facts.AttemptExited | facts.CommitTaken | facts.CandidateMade | facts.AttemptQueued
    ) -> tuple[Card, Attempt]:
        card = self.cards[fact.task]
        attempt = card.attempt
        assert attempt is not None, f"{fact.attempt} was never claimed"
        self.changed_attempts[attempt.id] = attempt
        return card, attempt

    def _exited(self, fact: facts.AttemptExited, _at: float) -> None:
        card, attempt = self._live(fact)
        attempt.exit, attempt.usage, attempt.error = fact.exit, fact.charged, fact.error
        attempt.finished = fact.finished
        session = fact.session or attempt.resumes
        card.session = None
        if session:
            card.session = Session(session, attempt.root, attempt.base, attempt.start, fact.total, attempt.without)
        card.usage = card.usage + fact.charged
        card.working_s += max(0.0, fact.exit.ended_at - fact.exit.started_at)
        self.changed_tasks[card.id] = card

    def _taken(self, fact: facts.CommitTaken, _at: float) -> None:
        card, attempt = self._live(fact)
        attempt.commit, attempt.files = fact.commit, fact.files
        if card.session:
            card.session = card.session._replace(commit=fact.commit)
        attempt.proposal, attempt.proposal_base = fact.proposal, fact.base
        if fact.proposal:
            self._move(card, "judging", "gates run on its commit")

    def _candidate(self, fact: facts.CandidateMade, _at: float) -> None:
        card, attempt = self._live(fact)
        attempt.proposal, attempt.proposal_base = fact.proposal, fact.base
        self._move(card, "judging", "the target moved: gates run on the merged result")

    def _verdict(self, fact: facts.VerdictGiven, _at: float) -> None:
        attempt = self.cards[fact.task].attempt
        assert attempt is not None
        attempt.verdicts.append(fact.verdict)

    def _queued(self, fact: facts.AttemptQueued, _at: float) -> None:
        card, attempt = self._live(fact)
        attempt.queued = True
        self._move(card, "queued", "waits for its turn to land")

    def _hooks_owed(self, fact: facts.HooksOwed, _at: float) -> None:
        attempt = self.cards[fact.task].attempt
        if fact.paid:
            self.owed.pop(fact.attempt, None)
        elif attempt is not None:
            self.owed[fact.attempt] = attempt

    def _ended(self, fact: facts.AttemptEnded, at: float) -> None:
        card = self.cards[fact.task]
        attempt = card.attempt
        assert attempt is not None
        attempt.ended_at, attempt.outcome, attempt.reason, attempt.excerpt = at, fact.outcome, fact.reason, fact.excerpt
        card.failures.append(failure_of(attempt, fact))
        card.attempt = None
        self.changed_attempts[attempt.id] = attempt
        self._move(card, "todo", f"attempt {attempt.number}: {fact.reason}")

    def _landed(self, fact: facts.TaskLanded, at: float) -> None:
        card = self.cards[fact.task]
        if card.attempt is not None:
            card.verdicts = card.attempt.said_of(fact.judged)
            card.attempt.ended_at, card.attempt.outcome = at, "landed"
            self.changed_attempts[card.attempt.id] = card.attempt
            card.attempt = None
        card.commit, card.landed_at, card.undone = fact.commit, at, False
        self._move(card, "landed", "" if fact.attempt else "landed by an earlier run")
        self._release(card)
        if card.kind == "undo" and card.about in self.cards:
            self._undone(self.cards[card.about], card)

    def _target_moved(self, fact: facts.TargetMoved, _at: float) -> None:
        for card in self.cards.values() if fact.commits else ():
            if card.commit in fact.commits:
                card.commit = fact.commits[card.commit]
                self.changed_tasks[card.id] = card

    def _undone(self, card: Card, by: Card) -> None:
        """What it had landed is taken back: whoever needs it waits again."""
        if card.done:
            for follower in self._followers.get(card.id, ()):
                self.cards[follower].missing += 1
        card.undone, card.commit, card.landed_at = True, "", None
        self._move(card, "needs_human", f"taken back by {by.id}: retry it, or skip it")

    def _release(self, card: Card) -> None:
        """Nobody waits for it any more."""
        for follower in self._followers.get(card.id, ()):
            waiting = self.cards[follower]
            waiting.missing -= 1
            self._offer(waiting)

    def _failed(self, fact: facts.TaskFailed, _at: float) -> None:
        self._move(self.cards[fact.task], "failed", fact.reason)

    def _needs_human(self, fact: facts.TaskNeedsHuman, _at: float) -> None:
        self._move(self.cards[fact.task], "needs_human", fact.reason)

    def _reopened(self, fact: facts.TaskReopened, _at: float) -> None:
        card = self.cards[fact.task]
        card.failures.clear()
        if card.done:  # it was skipped; those who went on without it and have not begun wait again
            for follower in self._followers.get(card.id, ()):
                self.cards[follower].missing += 1
        self._move(card, "todo", f"opened again by {fact.by}")

    def _skipped(self, fact: facts.TaskSkipped, at: float) -> None:
        card = self.cards[fact.task]
        if card.attempt is not None:
            card.attempt.ended_at, card.attempt.outcome, card.attempt.reason = at, "rejected", f"skipped by {fact.by}"
            self.changed_attempts[card.attempt.id] = card.attempt
            card.attempt = None
        self._move(card, "skipped", f"skipped by {fact.by}{f': {fact.reason}' if fact.reason else ''}")
        self._release(card)

    def _reviewing(self, fact: facts.ReviewAsked, _at: float) -> None:
        card = self.cards[fact.task]
        assert card.attempt is not None
        card.attempt.reviews[fact.role] = fact
        self._move(card, "judging", "agents review it")

    def _reviewed(self, fact: facts.ReviewGiven, _at: float) -> None:
        card = self.cards[fact.task]
        card.usage = card.usage + fact.charged
        self.changed_tasks[card.id] = card
        assert card.attempt is not None
        card.attempt.reviews.pop(fact.verdict.gate.removeprefix(REVIEW), None)
        card.attempt.verdicts.append(fact.verdict)

    def _asked(self, fact: facts.QuestionAsked, _at: float) -> None:
        card = self.cards[fact.task]
        assert card.attempt is not None
        card.attempt.question, card.attempt.answer = fact, None
        self._move(card, "needs_human", fact.text)

    def _answered(self, fact: facts.QuestionAnswered, _at: float) -> None:
        card = self.cards[fact.task]
        if card.attempt is not None and card.attempt.question is not None and card.attempt.question.id == fact.id:
            card.attempt.answer = fact
            self._move(card, "judging", f"{fact.answer} by {fact.by}")

    def _replanning(self, fact: facts.ReplanAsked, _at: float) -> None:
        card = self.cards[fact.task]
        card.planning = fact
        card.replans += 1
        self._move(card, "working", f"{fact.agent} plans it anew")

    def _replanned(self, fact: facts.TaskReplanned, _at: float) -> None:
        card = self.cards[fact.task]
        card.planning = None
        card.usage = card.usage + fact.charged
        if fact.decision == "give_up":
            self._move(card, "todo", fact.reason)
            return
        card.failures.clear()
        card.rewrite, card.deferred = fact.description, fact.decision == "defer"
        self._opened = self._opened and not (fact.parts or card.deferred)
        self._move(card, "todo", f"{fact.decision}: {fact.reason}")

    def _move(self, card: Card, state: str, reason: str) -> None:
        attempt = card.attempt
        if state in {"judging", "queued"} and attempt and attempt.question and attempt.answer is None:
            return  # whatever else is found out about it meanwhile, a person is asked
        card.state, card.reason = state, reason
        self.changed_tasks[card.id] = card
        if state == "todo":
            self._offer(card)

    # -- deciding -----------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Build the graph of what was folded so far. Needed before :meth:`take`, and again when tasks were added or changed."""
        live = {card.id: card.needs for card in self.cards.values() if card.state != "cancelled"}
        self._followers = graph.dependents(live)
        self._urgency = graph.urgencies(
            live,
            {task: LAST if self.cards[task].deferred else self.cards[task].priority for task in live},
            {task: self.cards[task].hours for task in live},
        )
        self._opened = True
        self._ready.clear()
        for task, needs in live.items():
            card = self.cards[task]
            card.missing = sum(not self.cards[need].done for need in needs if need in live)
            self._offer(card)

    def _offer(self, card: Card) -> None:
        if self._opened and card.state == "todo" and card.missing == 0 and card.id in self._urgency:
            heapq.heappush(self._ready, (self._urgency[card.id], card.order, card.id))

    def take(self, count: int, among: Collection[str] | None = None) -> list[str]:
        """Up to ``count`` tasks to start now, most urgent first. Each is handed out once until its state changes."""
        taken: list[str] = []
        passed: list[tuple[tuple[int, float], int, str]] = []
        while self._ready and len(taken) < count:
            entry = heapq.heappop(self._ready)
            card = self.cards[entry[2]]
            if card.state != "todo" or card.missing or card.id in taken:
                continue  # offered twice, or changed since
            if among is not None and card.id not in among:
                passed.append(entry)
                continue
            taken.append(card.id)
        for entry in passed:
            heapq.heappush(self._ready, entry)
        return taken

    def give_back(self, tasks: Iterable[str]) -> None:
        """Tasks that were taken but cannot be started now: they are offered again."""
        for task in tasks:
            self._offer(self.cards[task])

    def order(self) -> list[str]:
        """The tasks still to do, in the order one worker would take them."""
        state = {card.id: card.missing for card in self.cards.values()}
        heap = [(self._urgency[card.id], card.order, card.id) for card in self._todo() if state[card.id] == 0]
        heapq.heapify(heap)
        result: list[str] = []
        while heap:
            task = heapq.heappop(heap)[2]
            result.append(task)
            for follower in self._followers[task]:
                state[follower] -= 1
                if state[follower] == 0 and self.cards[follower].state == "todo":
                    heapq.heappush(heap, (self._urgency[follower], self.cards[follower].order, follower))
        return result

    def _todo(self) -> Iterable[Card]:
        return (card for card in self.cards.values() if card.state == "todo" and card.id in self._urgency)

    def live_attempts(self) -> list[Attempt]:
        """Attempts that were claimed and did not end: after a crash these are to be taken up again."""
        return [card.attempt for card in self.cards.values() if card.attempt is not None]

    def live_calls(self) -> list[facts.ReviewAsked | facts.ReplanAsked]:
        """Calls of planners and reviewers that were asked for and not answered."""
        reviews = [review for attempt in self.live_attempts() for review in attempt.reviews.values()]
        return [*self.live_plans(), *reviews]

    def live_plans(self) -> list[facts.ReplanAsked]:
        """Planners' calls that were asked for and not answered."""
        return [card.planning for card in self.cards.values() if card.planning is not None]

    def changed(self) -> tuple[list[Card], list[Attempt]]:
        """What changed since :meth:`forget_changes`, for the ledger's tables."""
        return list(self.changed_tasks.values()), list(self.changed_attempts.values())

    def forget_changes(self) -> None:
        """The tables have it all."""
        self.changed_tasks.clear()
        self.changed_attempts.clear()
