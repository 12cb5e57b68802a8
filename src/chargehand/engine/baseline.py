"""What gates say of the commits that work begins from. Each is judged once: what lands was judged, and is the next one's base."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from chargehand.engine.crew import Crew
from chargehand.model.config import GateConfig
from chargehand.model.task import Task
from chargehand.model.work import Verdict
from chargehand.ports import Gate
from chargehand.process.files import write_private

Hear = Callable[[Task, str, str, Gate], Awaitable[Verdict]]
"""One gate's verdict of a commit, for a task, under a name."""

_KEPT = 200


class Baseline:
    def __init__(self, crew: Crew, hear: Hear) -> None:
        self._crew, self._hear = crew, hear
        self._useless: dict[Path, Verdict] = {}
        self._turns: dict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def said(self, task: Task, name: str, gate: Gate, settings: GateConfig, commit: str) -> Verdict:
        """The gate's verdict of ``commit``; it is asked when nobody did before. Those who want the same wait for one answer."""
        place = self._place(settings, gate.name, commit)
        async with self._turns[place]:
            if known := self.known(settings, gate.name, commit) or self._useless.get(place):
                return known
            said = await self._hear(task, name, commit, gate)
            if not self.keep(settings, said):
                self._useless[place] = said
            return said

    def known(self, settings: GateConfig, gate: str, commit: str) -> Verdict | None:
        try:
            return msgspec.json.decode(self._place(settings, gate, commit).read_bytes(), type=Verdict)
        except (OSError, msgspec.MsgspecError):
            return None

    def keep(self, settings: GateConfig, said: Verdict) -> bool:
        """Keep a verdict for those whose base its commit will be. False for one that says nothing of the commit."""
        if said.verdict not in {"pass", "fail"}:
            return False
        place = self._place(settings, said.gate, said.commit)
        write_private(place, msgspec.json.encode(said).decode())
        known = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in known[_KEPT:]:
            old.unlink(missing_ok=True)
        return True

    def _place(self, settings: GateConfig, gate: str, commit: str) -> Path:
        key = hashlib.blake2b(msgspec.json.encode([gate, settings]), digest_size=8).hexdigest()
        return self._crew.state / "baseline" / f"{commit}-{key}.json"
