"""Asking a person: a question in the ledger, bound to the commit it is about. Whoever answers does it from anywhere, at any time.

The attempt is parked meanwhile: nothing of it runs, and it is taken up when the answer is there, by this engine or the next one.
"""

from __future__ import annotations

from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended, Parked
from chargehand.engine.ledger import Ledger
from chargehand.model.facts import QuestionAnswered, QuestionAsked, TaskSkipped, VerdictGiven
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.plan.cards import Attempt

HUMAN = "human"
"""The gate that is a person."""

ANSWERS = ("approve", "reject", "fix", "skip")

_PRIORITY = {"P0": 0, "P1": 1, "P2": 2, "all": 9}


class Asking:
    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger

    async def approval(self, task: Task, attempt: Attempt) -> None:
        """A person's yes to the change as it stands, where the settings want one. Raises :class:`Ended` or :class:`Parked`."""
        wanted = _PRIORITY.get(self._crew.config.approval.tasks, -1)
        if task.priority > wanted:
            return
        if said := attempt.judged(HUMAN, attempt.commit):
            if said.verdict != "pass":  # noted just before a crash
                raise Ended("gate_failed", said.summary)
            return
        await self._ask(task, attempt, f"{attempt.id}.land", f"may {attempt.commit[:12]} land?")
        self._say(task, attempt, "pass", self._answered(attempt))

    def overrulable(self, failed: list[Verdict]) -> bool:
        """Whether a person may let pass all of what these reject."""
        return all(one.gate in self._crew.config.approval.gates for one in failed)

    async def overrule(self, task: Task, attempt: Attempt, failed: list[Verdict]) -> bool:
        """Whether a person lets the change pass although these gates reject it. False where nobody is to be asked."""
        if not failed or not self.overrulable(failed):
            return False
        said = "; ".join(f"gate {one.gate}: {one.summary}" for one in failed)
        await self._ask(task, attempt, f"{attempt.id}.gates-{attempt.proposal[:12]}", f"may it land although {said}?")
        if not attempt.judged(HUMAN, attempt.commit):
            self._say(task, attempt, "pass", self._answered(attempt))
        return True

    async def _ask(self, task: Task, attempt: Attempt, name: str, text: str) -> None:
        """Come back when the answer is yes."""
        if attempt.question is None or attempt.question.id != name:
            config = self._crew.config.approval
            ends = config.timeout_minutes and config.otherwise != "wait"
            asked = QuestionAsked(
                task=task.id,
                attempt=attempt.id,
                id=name,
                commit=attempt.commit,
                text=text,
                answers=ANSWERS,
                until=self._crew.clock.now() + config.timeout_minutes * 60 if ends else 0.0,
                otherwise=config.otherwise if ends else "",
            )
            self._ledger.record(asked)
            await self._ledger.settled()
        if task.status == "done":
            raise Ended("interrupted", "it was done by hand meanwhile")
        if attempt.answer is None:
            raise Parked
        await self._act(task, attempt, attempt.answer)

    async def _act(self, task: Task, attempt: Attempt, answer: QuestionAnswered) -> None:
        told = f": {answer.comment}" if answer.comment else ""
        match answer.answer:
            case "approve":
                return
            case "fix":
                self._say(task, attempt, "fail", answer)
                raise Ended("gate_failed", f"{answer.by} wants it changed{told}")
            case "skip":
                self._ledger.record(TaskSkipped(task=task.id, by=answer.by, reason=answer.comment))
                await self._ledger.settled()
                raise Parked
            case _:
                raise Ended("rejected", f"rejected by {answer.by}{told}")

    def _answered(self, attempt: Attempt) -> QuestionAnswered:
        assert attempt.answer is not None
        return attempt.answer

    def _say(self, task: Task, attempt: Attempt, word: str, answer: QuestionAnswered) -> None:
        said = Verdict(
            gate=HUMAN,
            commit=attempt.commit,
            verdict="pass" if word == "pass" else "fail",
            summary=f"{answer.answer} by {answer.by}",
            evidence=answer.comment,
        )
        self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=said))
