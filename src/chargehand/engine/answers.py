"""What an agent has said that was asked something, and was to change nothing."""

from __future__ import annotations

from chargehand.engine.crew import Crew
from chargehand.plan.cards import Attempt
from chargehand.process.transcript import tail

_READ = 1 << 20
"""So much (bytes) of the end of a transcript is looked through for an answer."""


async def last_words(crew: Crew, call: str) -> str:
    """The end of what a call printed."""
    return await crew.offload(tail, crew.place(call) / "stdout.log", _READ)


async def answer(crew: Crew, attempt: Attempt) -> str:
    """The answer of an attempt whose agent has ended, or else the end of what it printed; without secrets."""
    assert attempt.exit is not None
    said = await last_words(crew, attempt.id)
    agent = crew.agent_of(attempt.agent)
    told = await crew.offload(agent.report, crew.place(attempt.id) / "stdout.log", attempt.exit, attempt.before)
    return crew.redactor.text(told.answer or said)
