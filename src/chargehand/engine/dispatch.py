"""What to start next, and with which agent: order from the board, leave from the budget, agents that serve."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from chargehand.engine.crew import Crew
from chargehand.engine.due import Due
from chargehand.engine.ledger import Ledger
from chargehand.engine.purse import Purse
from chargehand.engine.steering import Steering
from chargehand.model.facts import Noticed, TaskLanded, TaskNeedsHuman, TaskRemoved
from chargehand.model.task import Task
from chargehand.model.work import Usage
from chargehand.plan.cards import BY_PARTS, BY_REVERT, NOBODY
from chargehand.plan.routing import next_agent
from chargehand.plan.terms import agent_of, collide, settings_of


class Next(NamedTuple):
    """An attempt to be claimed; ``reserved`` is set aside for it already. ``paid``: it may cost money."""

    task: str
    number: int
    agent: str
    reserved: Usage
    paid: bool


class Dispatch:
    """``barred`` agents get no task in this run any more: only a person can mend what is wrong with them."""

    def __init__(
        self,
        crew: Crew,
        ledger: Ledger,
        purse: Purse,
        steering: Steering,
        among: Collection[str] | None,
        task_of: Callable[[str], Task | None],
    ) -> None:
        self._crew, self._ledger, self._board, self._task_of = crew, ledger, ledger.board, task_of
        self._purse, self._steering, self._among = purse, steering, among
        self._due = Due(crew.clock)
        self.barred: dict[str, str] = {}
        self._tight = False

    def next(self, busy: Collection[str] = ()) -> Next | None:
        """The most urgent attempt that may be claimed now; None when there is none. Of ``busy`` tasks none is begun again, and none
        whose declared scope meets one of theirs."""
        if self._one_agent and not self._serves(self._crew.agent):
            return None
        taken_up = [scope for name in busy if (scope := self._scope(name))]
        passed: list[str] = []
        found = None
        while found is None and self._steering.may_start:
            taken = self._board.take(1, self._among)
            if not taken:
                break
            apart = taken[0] not in busy and not any(collide(self._scope(taken[0]), scope) for scope in taken_up)
            found = self._consider(taken[0]) if apart else None
            if found is None:
                passed.append(taken[0])
        self._board.give_back(passed)
        return found

    @property
    def _one_agent(self) -> bool:
        """Whether every task is for the same agent."""
        return not self._crew.config.retry.escalate and len(self._crew.agents) == 1

    def _scope(self, task: str) -> tuple[str, ...]:
        told = self._task_of(task)
        return told.touches if told else ()

    def _consider(self, task: str) -> Next | None:
        card, told = self._board.cards[task], self._task_of(task)
        if told and told.status == "done":  # by hand, while its planner was at work
            self._ledger.record(TaskLanded(task=task))
            return None
        if told is None:  # it was skipped, taken out of the spec, and opened again
            self._ledger.record(TaskRemoved(task=task))
            return None
        if told and told.manual and not (self._among and task in self._among):
            return None  # only when a person asks for it by name
        own, config = agent_of(told, self._crew.agent), settings_of(told, self._crew.config)
        name, number = next_agent(card.failures, own, config), card.attempts + 1
        if card.parts or (told and told.group):
            name = BY_PARTS
        elif card.kind == "undo":
            name = BY_REVERT
        elif card.kind == "review":
            name = (self._crew.config.review.agents or [self._crew.agent])[0]
        elif name not in self._crew.agents:
            self._ledger.record(TaskNeedsHuman(task=task, reason=f"agent {name} is not known to this run: start it again"))
            return None
        if not self._serves(name):
            return None
        paid = name not in NOBODY and self._crew.agent_of(name).paid
        return self._afforded(task, number, name, paid=paid)

    def _afforded(self, task: str, number: int, agent: str, *, paid: bool) -> Next | None:
        """The attempt, if the budget lets it begin."""
        answer = self._purse.ask(task, number, paid=paid)
        if answer.word == "yes":
            reserved = self._purse.hold(f"{self._board.run}.{task}.{number}", task, number, paid=paid)
            return Next(task, number, agent, reserved, paid)
        if answer.word == "task":
            self._ledger.record(TaskNeedsHuman(task=task, reason=answer.reason))
        elif answer.word == "all":
            self._steering.halt(answer.reason, for_money=True)
        elif not self._tight:
            self._tight = True
            message = f"not all jobs are used: {answer.reason}, beside what is set aside for those at work"
            self._ledger.record(Noticed(level="note", message=message, hint="[budget] reserve_usd or reserve_tokens, for each"))
        return None

    def _serves(self, agent: str) -> bool:
        return agent not in self.barred and self._pause_s(agent) <= 0

    def _pause_s(self, agent: str) -> float:
        """Seconds for which an agent serves nobody yet."""
        pause = self._board.agent_pauses.get(agent)
        return self._due.left(*pause) if pause else 0.0

    def wait_s(self) -> float | None:
        """Seconds until an agent that a task waits for serves again; None when nothing is to be waited for."""
        ready = self._board.take(1, self._among)
        self._board.give_back(ready)
        if not ready or not self._steering.may_start:
            return None
        ends = [wait for agent in self._board.agent_pauses if agent not in self.barred and (wait := self._pause_s(agent)) > 0]
        return max(0.05, min(ends)) if ends else None
