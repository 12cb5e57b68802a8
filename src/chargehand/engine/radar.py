"""The radar: which attempts under way change the same files, told before they meet when they land."""

from __future__ import annotations

from itertools import combinations

from chargehand.engine.crew import Crew
from chargehand.engine.ledger import Ledger
from chargehand.model.errors import ChargehandError
from chargehand.model.facts import Noticed
from chargehand.plan.cards import NOBODY, Attempt

_PAUSE_S = 2.0
_SHARE = 0.02
"""At most this part of the time goes into looking."""

_NAMED = 5


class Radar:
    """Warns once for two tasks. It looks at names only; nothing of a workspace is run or believed."""

    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger
        self._told: set[frozenset[str]] = set()
        self.seen: dict[str, frozenset[str]] = {}
        """What each of those at work had changed when it was looked at last."""

    async def watch(self) -> None:
        """Look every few seconds, as long as the engine lives."""
        pause = _PAUSE_S
        while self._crew.depot is not None and self._crew.config.workspace != "in-place":
            await self._crew.clock.sleep(pause)
            began = self._crew.clock.elapsed()
            try:
                await self._look()
            except ChargehandError:
                continue  # what is wrong there is told by whoever needs it
            pause = max(_PAUSE_S, (self._crew.clock.elapsed() - began) / _SHARE)

    async def _look(self) -> None:
        depot = self._crew.depot
        assert depot is not None
        working = [attempt for attempt in self._ledger.board.live_attempts() if self._works(attempt)]
        if len(working) < 2:
            self.seen = {}
            return
        ours = frozenset(self._crew.spec.all_files())
        files = {one.task: frozenset(await self._crew.offload(depot.touched, one.root)) - ours for one in working}
        self.seen = files
        for one, two in combinations(files, 2):
            pair = frozenset((one, two))
            if (shared := files[one] & files[two]) and pair not in self._told:
                self._told.add(pair)
                self._warn(one, two, sorted(shared))

    def _works(self, attempt: Attempt) -> bool:
        """Whether its agent is at work: its workspace was made before it was told anything."""
        return attempt.exit is None and attempt.agent not in NOBODY and (self._crew.place(attempt.id) / "prompt.md").exists()

    def _warn(self, one: str, two: str, files: list[str]) -> None:
        more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        message = f"{one} and {two} both change {', '.join(files[:_NAMED])}{more}: whoever lands last may have to do it again"
        hint = "let one need the other in the spec, or cancel one of them"
        self._ledger.record(Noticed(level="warning", message=message, hint=hint))
