"""The user's files as an engine that lives sees them: the port ``Source`` on what lies in his checkout."""

from __future__ import annotations

from chargehand.engine.runner import Runner
from chargehand.model.errors import SpecProblem
from chargehand.model.facts import Fact
from chargehand.model.task import Spec
from chargehand.service.running import reconcile

from . import spec
from .agents import SPEC
from .user import User
from .world import World

_NEW_SETTINGS = 0.002


class FakeSource:
    """``runner`` is set when there is one."""

    def __init__(self, world: World, user: User) -> None:
        self._world, self._user = world, user
        self._seen = user.text()
        self.runner: Runner | None = None

    def changed_spec(self) -> tuple[Spec, list[Fact]] | None:
        text = self._user.text()
        if text == self._seen or self.runner is None:
            return None
        self._seen = text
        try:
            found = spec.read(text, SPEC)
        except SpecProblem:
            return None
        self._world.count("spec read again")
        return found, reconcile(self.runner._board, found, {})

    def changed_settings(self) -> bool:
        return self._world.storm and self._world.chance(_NEW_SETTINGS)
