"""What an agent says while it works, understood by the driver of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from chargehand.agents.stream import Lines
from chargehand.model.config import AgentConfig, Config
from chargehand.model.errors import ChargehandError
from chargehand.model.signals import Signal
from chargehand.plan.terms import COMMAND
from chargehand.service.project import Project
from chargehand.store import reader


class Voice:
    """Pieces of a transcript in, signals out. Lines that grow too long are left out."""

    def __init__(self, understand: Callable[[bytes], Iterator[Signal]]) -> None:
        self._understand, self._lines = understand, Lines()

    def feed(self, piece: bytes) -> Iterator[Signal]:
        """What the lines tell that this piece (at most a MiB) completes."""
        for line in self._lines.feed(piece):
            yield from self._understand(line)

    def rest(self) -> Iterator[Signal]:
        """What is left when nothing more comes."""
        if line := self._lines.rest():
            yield from self._understand(line)


def voice(project: Project, attempt: str, agent: str) -> Voice:
    """For an attempt (its id) of an agent, by the settings its run went with. An agent nobody knows any more speaks plain text."""
    from chargehand.agents.registry import make_agent
    from chargehand.agents.reports import line_signals

    config = _config(project, attempt.partition(".")[0]).agents.get(agent.partition("@")[0], AgentConfig())
    if agent.startswith(COMMAND) or config.kind == "command":
        return Voice(line_signals)
    try:
        return Voice(make_agent(agent, config, project.root).signals)
    except ChargehandError:
        return Voice(line_signals)


def _config(project: Project, run: str) -> Config:
    db = reader.open_reader(project.ledger)
    if db is None:
        return Config()
    with db:
        text = reader.settings(db, run)
    db.close()
    try:
        return msgspec.json.decode(text, type=Config)
    except msgspec.DecodeError:  # settings of another version
        return Config()
