"""Making a spec of a text: its one task is done when the planner's answer was written down as tasks that can be read.

It is a task like others, so its call is claimed, reserved, retried and taken up after a crash like any other. Nothing is landed.
"""

from __future__ import annotations

from pathlib import Path

from chargehand.brief.drafting import question, questions_of, read_answer, schema, tasks_of
from chargehand.brief.text import inline
from chargehand.engine.answers import answer
from chargehand.engine.calling import Order
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.ledger import Ledger
from chargehand.model.facts import TaskLanded
from chargehand.model.task import Task
from chargehand.plan.cards import Attempt
from chargehand.process.files import write_private
from chargehand.spec.written import written

FOLDER = "drafts"
"""Where the drafts lie in our folder, one file ``TASK.md`` each."""


class Drafting:
    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger

    async def order(self, task: Task, attempt: Attempt) -> Order:
        """The call: the text, and a checkout of the target to look at."""
        failures = [failure.reason for failure in self._ledger.board.cards[task.id].failures if failure.outcome == "agent_failed"]
        return Order(
            attempt.id,
            attempt.agent,
            task.id,
            attempt.number,
            question(task.description, self._crew.spec.path, failures),
            await self._workspace(attempt),
            attempt.base,
            schema=schema(),
            read_only=True,
        )

    async def conclude(self, task: Task, attempt: Attempt) -> None:
        """Write the draft. Raises :class:`Ended` when there is no answer that can be used."""
        crew = self._crew
        given = read_answer(await answer(crew, attempt))
        if isinstance(given, str):
            raise Ended("agent_failed", given)
        source = inline(crew.spec.path)
        intro = [f"Drafted by {attempt.agent} from {source}. Read it before you run it."]
        text = written(f"Tasks of {source}", intro, tasks_of(given), questions_of(given))
        if not isinstance(text, str):
            raise Ended("agent_failed", f"the planner's answer makes no spec: {inline('; '.join(text), 1000)}")
        await crew.offload(write_private, crew.state / FOLDER / f"{task.id}.md", text)
        self._ledger.record(TaskLanded(task=task.id, attempt=attempt.id))

    async def _workspace(self, attempt: Attempt) -> Path:
        depot = self._crew.depot
        return await self._crew.offload(depot.checkout, attempt.root, attempt.base) if depot is not None else self._crew.root
