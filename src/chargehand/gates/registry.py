"""From settings to gates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chargehand.gates.command import CommandGate
from chargehand.model.config import Config
from chargehand.ports import Cage, Gate, Launcher, Room

_NOTHING = Room(writable=())


def make_gates(
    config: Config,
    launcher: Launcher,
    ambient: Mapping[str, str],
    cage: Cage | None = None,
    room: Room = _NOTHING,
    root: Path | None = None,
    caches: Path | None = None,
) -> tuple[Gate, ...]:
    """The gates of a project, in the order of its file. Raises ConfigProblem. ``room`` is what all of them see in their cage, where
    there is one, besides their own checkout and home. ``root`` and ``caches`` as for :class:`CommandGate`."""
    return tuple(CommandGate(name, gate, launcher, ambient, cage, room, root, caches) for name, gate in config.gates.items())
