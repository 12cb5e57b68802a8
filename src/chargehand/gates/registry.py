"""From settings to gates."""

from __future__ import annotations

from collections.abc import Mapping

from chargehand.gates.command import CommandGate
from chargehand.model.config import Config
from chargehand.ports import Gate, Launcher


def make_gates(config: Config, launcher: Launcher, ambient: Mapping[str, str]) -> tuple[Gate, ...]:
    """The gates of a project, in the order of its file. Raises ConfigProblem."""
    return tuple(CommandGate(name, gate, launcher, ambient) for name, gate in config.gates.items())
