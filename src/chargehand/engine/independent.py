"""The independent review: a second agent looks at all that landed, in a workspace of its own, without the authors' conversations.

It is a task beside the spec, so its call is claimed, reserved, retried and taken up after a crash like any other.
"""

from __future__ import annotations

from chargehand.brief.independent import Handed, question, read_answer, reports, schema
from chargehand.brief.review import blocking
from chargehand.engine.answers import answer
from chargehand.engine.calling import Order
from chargehand.engine.candidates import message
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.offering import standing
from chargehand.engine.tasks import Tasks
from chargehand.model.facts import CommitTaken
from chargehand.model.task import Task
from chargehand.plan.cards import Attempt
from chargehand.plan.second_look import findings
from chargehand.ports import Depot
from chargehand.process.files import write_private


class Independent:
    def __init__(self, crew: Crew, ledger: Ledger, landing: Landing) -> None:
        self._crew, self._ledger, self._landing = crew, ledger, landing
        self._tasks = Tasks(crew, ledger.board)

    @property
    def _depot(self) -> Depot:
        assert self._crew.depot is not None
        return self._crew.depot

    async def order(self, task: Task, attempt: Attempt) -> Order:
        """The call: the handoff, and a checkout of the tip whose changes are thrown away."""
        workspace = await self._crew.offload(self._depot.checkout, attempt.root, attempt.base)
        prompt = question(self._handed(attempt))
        return Order(attempt.id, attempt.agent, task.id, attempt.number, prompt, workspace, attempt.base, schema=schema())

    async def conclude(self, task: Task, attempt: Attempt) -> None:
        """Write the reports, make tasks of what it found. Raises :class:`Ended` when it gave no answer that can be used."""
        crew = self._crew
        given = read_answer(await answer(crew, attempt))
        if isinstance(given, str):
            raise Ended("agent_failed", given)
        config, handed = crew.config.review, self._handed(attempt)
        made = reports(handed, given, config.block)
        for name, text in made.items():
            await crew.offload(write_private, crew.state / "review" / self._ledger.board.run / name, text)
        added = findings(self._ledger.board, task.id, blocking(given.findings, config.block))
        if added:
            self._ledger.record(*added)
            self._ledger.board.open()
        if not config.commit:
            await self._landing.land_nothing(task, attempt)
        elif not attempt.proposal:
            await self._propose(task, attempt, made)

    async def _propose(self, task: Task, attempt: Attempt, made: dict[str, str]) -> None:
        files = {f"review/{name}": text.encode() for name, text in made.items()}
        told = message(task, self._ledger.board.run, attempt)
        commit = await self._crew.offload(self._depot.propose, attempt.base, [attempt.base], told, files)
        taken = CommitTaken(task=task.id, attempt=attempt.id, commit=commit, proposal=commit, base=attempt.base, files=tuple(files))
        self._ledger.record(taken)
        await self._ledger.settled()

    def _handed(self, attempt: Attempt) -> Handed:
        crew = self._crew
        self._tasks.read()
        lines = [line for line in standing(self._ledger, self._tasks) if line.task != attempt.task]
        traced = dict.fromkeys(trace for line in lines for trace in line.traces)
        return Handed(
            run=self._ledger.board.run,
            spec=crew.spec.path,
            commit=attempt.base,
            lines=lines,
            gates=[
                (name, gate.command if isinstance(gate.command, str) else " ".join(gate.command))
                for name, gate in crew.config.gates.items()
            ],
            sections=[crew.spec.sections[trace] for trace in traced if trace in crew.spec.sections],
        )
