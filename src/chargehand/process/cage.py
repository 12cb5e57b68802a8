"""Which cage there is for the programs of a run, and what is not protected without one."""

from __future__ import annotations

from chargehand.model.config import CageKind
from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Cage, Launch, Room
from chargehand.process.bubblewrap import Bubblewrap
from chargehand.process.container import Container


class NoCage:
    """A ``ports.Cage`` that keeps nobody anywhere. ``reason`` is why there is none: chosen, or because another does not work."""

    name = "none"

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    def preflight(self) -> str:
        """See ``ports.Cage``."""
        return ""

    def wrap(self, launch: Launch, room: Room) -> Launch:  # noqa: ARG002
        """See ``ports.Cage``: as it is."""
        return launch


def choose(kind: CageKind) -> Cage:
    """The cage that is asked for; for ``auto`` bubblewrap, or none where that does not work (its ``reason`` tells why).

    Raises EnvironmentProblem when one is asked for by name and does not work here: nobody is left without it unawares.
    """
    if kind == "none":
        return NoCage("it was chosen so")
    cage: Cage = Container() if kind == "container" else Bubblewrap()
    trouble = cage.preflight()
    if not trouble:
        return cage
    message, _, hint = trouble.partition(" (hint: ")
    if kind == "auto":
        return NoCage(message)
    raise EnvironmentProblem(f"there is no cage: {message}", hint=hint.removesuffix(")") or 'set cage = "auto"', code="no_cage")


def unprotected(cage: Cage) -> str:
    """In plain words, what a run is to say once when nothing is kept apart; empty for a cage that does its work."""
    if not isinstance(cage, NoCage):
        return ""
    return (
        f"no cage ({cage.reason}): agents, and the code they write, run with your rights. They can read your files and keys,"
        " change anything you can change, and reach the whole network. Use this only where that is no loss."
    )
