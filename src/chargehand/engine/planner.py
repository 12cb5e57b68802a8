"""Planning anew: when a task's tries are spent, a planner looks at what became of them and rewrites, splits or defers it.

Its call is paid for like an agent's, is taken up after a crash like an agent's, and is made once for a task.
"""

from __future__ import annotations

from string import ascii_lowercase

import msgspec

from chargehand.brief.replan import Answer, Part, question, read_answer, schema
from chargehand.engine.answers import last_words
from chargehand.engine.calling import Calls, Order
from chargehand.engine.crew import Crew
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.purse import Purse
from chargehand.model.facts import Fact, ReplanAsked, TaskAdded, TaskRemoved, TaskReplanned
from chargehand.model.task import CheckItem, Task
from chargehand.model.work import Exit, Report, Usage
from chargehand.plan.cards import Card


class Planner:
    def __init__(self, crew: Crew, ledger: Ledger, purse: Purse, calls: Calls, landing: Landing) -> None:
        self._crew, self._ledger, self._purse, self._calls, self._landing = crew, ledger, purse, calls, landing

    def may(self, task: str) -> str:
        """Why the planner cannot be paid for now (empty: it can)."""
        agent = self._crew.agent_of(self._crew.config.retry.planner)
        answer = self._purse.ask(task, 2, paid=agent.paid)
        return "" if answer.word == "yes" else answer.reason or "the budget is taken up"

    def ask(self, task: str) -> None:
        """Record that the planner is asked. What is not written down is not started."""
        agent = self._crew.agent_of(self._crew.config.retry.planner)
        call = f"{self._ledger.board.run}.{task}.plan{self._ledger.board.cards[task].replans + 1}"
        reserved = self._purse.hold(call, task, 2, paid=agent.paid)
        self._ledger.record(ReplanAsked(task=task, attempt=call, agent=agent.name, model=agent.model, reserved=reserved))

    async def answer(self, task: Task) -> None:
        """Bring a planner's call to its end, from wherever it stands, and record what it decided."""
        await self._ledger.settled()
        card = self._ledger.board.cards[task.id]
        asked = card.planning
        assert asked is not None
        exit_ = await self._calls.take_up(asked.attempt, asked.agent, task.id, 2)
        if exit_ is None:
            exit_ = await self._start(task, card, asked)
        said = await last_words(self._crew, asked.attempt)
        report = await self._calls.read(asked.attempt, asked.agent, exit_)
        answer = read_answer(report.answer or said)
        if not exit_.well(report.finished):
            answer = f"the planner ended with {report.error.message if report.error else exit_.describe()}"
        if isinstance(answer, str):
            answer = Answer("give_up", answer)
        charged = self._purse.price(asked.reserved, report.usage)
        names = tuple(f"{task.id}{letter}" for letter in ascii_lowercase[: len(answer.parts)]) if answer.decision == "split" else ()
        replanned = TaskReplanned(
            task=task.id,
            attempt=asked.attempt,
            decision=answer.decision,
            reason=answer.reason,
            description=answer.description,
            parts=names,
            exit=exit_,
            usage=report.usage,
            charged=charged,
        )
        self._ledger.record(replanned, *parts_of(task, card, answer.parts, names))
        if names or answer.decision == "defer":
            self._ledger.board.open()
        await self._calls.charged(asked.attempt, task.id, 2, charged)
        await self._ledger.settled()
        if self._crew.depot is not None:
            await self._crew.offload(self._crew.depot.discard, asked.attempt)

    async def give_up(self, asked: ReplanAsked) -> None:
        """The task is no longer in the spec: its planner is ended, and what it used is charged."""
        self._crew.launcher.cancel(self._crew.place(asked.attempt))
        exit_ = await self._calls.take_up(asked.attempt, asked.agent, asked.task, 2)
        report = Report() if exit_ is None else await self._calls.read(asked.attempt, asked.agent, exit_)
        charged = Usage() if exit_ is None else self._purse.price(asked.reserved, report.usage)
        ended = TaskReplanned(
            task=asked.task,
            attempt=asked.attempt,
            decision="give_up",
            reason="its task is no longer in the spec",
            exit=exit_ or Exit(cause="not_started"),
            usage=report.usage,
            charged=charged,
        )
        self._ledger.record(ended, TaskRemoved(task=asked.task))
        await self._calls.charged(asked.attempt, asked.task, 2, charged)

    async def _start(self, task: Task, card: Card, asked: ReplanAsked) -> Exit:
        sections = self._crew.spec.sections
        prompt = question(
            task,
            [sections[trace] for trace in task.traces if trace in sections],
            card.failures,
            run=self._ledger.board.run,
            spec_path=self._crew.spec.file_of(task),
        )
        workspace, tip = self._crew.root, ""
        if self._crew.depot is not None:  # it is to answer, not to change anything: what it leaves is thrown away
            tip = await self._landing.tip()
            workspace = await self._crew.offload(self._crew.depot.checkout, asked.attempt, tip)
        number = len(card.failures) + 1
        return await self._calls.make(
            Order(asked.attempt, asked.agent, task.id, number, prompt, workspace, tip, schema=schema(), read_only=True)
        )


def parts_of(task: Task, card: Card, parts: list[Part], names: tuple[str, ...]) -> list[Fact]:
    """The facts that add the parts of a split task: each needs what it names, or the one before it, and all the task needs."""
    recorded: list[Fact] = []
    for number, (name, part) in enumerate(zip(names, parts, strict=False)):
        before = [names[need - 1] for need in part.needs] if part.needs is not None else [*names[max(0, number - 1) : number]]
        recorded.append(
            TaskAdded(
                task=name,
                order=card.order,
                title=part.title,
                priority=card.priority,
                digest="",
                needs=(*card.own_needs, *before),
                milestone=card.milestone,
                tags=card.tags,
                part_of=task.id,
                description=part.description,
                checklist=tuple(part.checklist),
            )
        )
    return recorded


def as_task(card: Card, whole: Task) -> Task:
    """A part as a task of its own; what it does not say it has from the whole."""
    items = tuple(CheckItem(text, False, whole.span) for text in card.checklist)
    description = f"A part of {whole.id}: {whole.title}\n\n{card.description}"
    return msgspec.structs.replace(
        whole, id=card.id, title=card.title, description=description, checklist=items, needs=card.needs, status="todo"
    )  # fmt: skip


def rewritten(task: Task, card: Card) -> Task:
    """The task with what a planner added to it."""
    if not card.rewrite:
        return task
    return msgspec.structs.replace(
        task, description=f"{task.description}\n\nSince the first attempts, made clearer:\n\n{card.rewrite}"
    )
