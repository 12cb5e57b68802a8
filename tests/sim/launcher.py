"""The port ``Launcher``: shims that outlive engines, and the programs under them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from chargehand.model.work import Exit, ExitCause, Report
from chargehand.ports import Launch

from .agents import Deed, FakeAgent, good
from .depot import FakeDepot
from .meter import FakeMeter
from .world import EPOCH, World


class Shim:
    """One program that was started: what it will do, and when it ends unless it is ended before."""

    def __init__(self, launch: Launch, deed: Deed, now: float) -> None:
        self.launch, self.deed = launch, deed
        self.started_at, self.ends_at = now, now + deed.seconds
        self.cause: ExitCause = deed.cause
        self.told = False
        self.code, self.signal = deed.code, deed.signal
        self.changes = list(deed.changes)
        self.requests = [now + at for at in deed.requests]
        self.remembers = False
        self.name, self.place = Path(launch.directory).name, Path(launch.cwd).name

    @property
    def report(self) -> Report:
        """What its transcript says."""
        session = f"session of {self.place}" if self.remembers and self.cause != "not_started" else ""
        if self.cause in ("not_started", "lost"):
            return Report(session=session)
        error = self.deed.error if self.cause == "exited" else None
        return Report(
            usage=self.deed.usage, error=error, session=session, answer=self.deed.answer if self.cause == "exited" else ""
        )

    @property
    def exit(self) -> Exit:
        return Exit(
            cause=self.cause,
            code=self.code,
            signal=self.signal,
            started_at=EPOCH + self.started_at,
            ended_at=EPOCH + self.ends_at,
            stdout_bytes=0 if self.report == Report() else 200,
            truncated=self.deed.flood,
            error="no such program" if self.cause == "not_started" else "",
        )


class FakeLauncher:
    """``shims`` by directory: a directory is started once. ``starting`` is asked before an agent is paid."""

    def __init__(self, world: World, depot: FakeDepot) -> None:
        self._world, self._depot = world, depot
        self.shims: dict[str, Shim] = {}
        self.agent: FakeAgent | None = None
        self.meter: FakeMeter | None = None
        self.gate_errors = world.rng.choice((0.0, 0.0, 0.05))
        self.gate_pace = 8.0 if world.crowded else 1.0
        self._waiting: dict[str, asyncio.Future[None]] = {}

    # -- the port -----------------------------------------------------------------------------------------------------------

    async def run(self, launch: Launch) -> Exit:
        self._world.point("launch")
        if launch.directory not in self.shims:
            self._start(launch)
            self._world.point("launched")
        return await self._end(self.shims[launch.directory])

    async def adopt(self, directory: Path) -> Exit | None:
        self._world.point("adopt")
        self.spend()
        shim = self.shims.get(str(directory))
        if shim is None:
            return None
        if self.alive(shim):
            self._world.count("adopted alive")
        return await self._end(shim)

    def cancel(self, directory: Path) -> None:
        self._world.point("cancel")
        if (shim := self.shims.get(str(directory))) and self.alive(shim):
            self._world.count("cancelled")
            shim.told = True
            self.end(shim, "cancelled", self._world.rng.uniform(0.0, 2.0))

    async def close(self) -> None:
        self._world.point("close")

    # -- the machine --------------------------------------------------------------------------------------------------------

    def alive(self, shim: Shim) -> bool:
        return self._world.now < shim.ends_at

    def end(self, shim: Shim, cause: ExitCause, seconds: float = 0.0) -> None:
        """Somebody ends a program before its time."""
        if self._world.now + seconds < shim.ends_at:
            shim.ends_at = self._world.now + seconds
            shim.cause, shim.code, shim.signal = cause, None, None
            shim.changes = [change for change in shim.changes if shim.started_at + change[0] <= shim.ends_at]
            self._world.note("ended", shim.name, cause)
            self._wake(shim)

    def crashed(self) -> None:
        """The engine died; sometimes the whole machine did."""
        self._waiting.clear()
        self.spend()
        if self._world.chance(0.25):
            if self.meter is not None:
                self.meter.rebooted()
            self._world.count("reboot")
            self._world.note("reboot")
            for shim in self.shims.values():
                if self.alive(shim):
                    self.end(shim, "lost")

    def spend(self) -> None:
        """Let agents ask their models for what they have asked for by now. One that is refused gives up."""
        while self.meter is not None:
            now = self._world.now
            due = [
                (shim.requests[0], shim)
                for shim in self.shims.values()
                if shim.requests and shim.requests[0] <= min(now, shim.ends_at)
            ]
            if not due:
                return
            at, shim = min(due, key=lambda one: one[0])
            del shim.requests[0]
            told = self.meter.request(shim.launch.directory)
            if not told.out:
                self._world.note("refused", shim.name, told.why)
                shim.requests.clear()
                shim.ends_at, shim.cause, shim.code, shim.signal = at, "exited", 1, None
                shim.deed = shim.deed._replace(error=None, answer="")
                shim.changes = [change for change in shim.changes if shim.started_at + change[0] <= at]
                self._wake(shim)

    def catch_up(self) -> None:
        """Let the files be what they are by now."""
        self.spend()
        for shim in self.shims.values():
            while shim.changes and shim.started_at + shim.changes[0][0] <= self._world.now:
                _, path, text = shim.changes.pop(0)
                tree = self._depot.workspaces[shim.place].tree
                if text is None:
                    tree.pop(path, None)
                else:
                    tree[path] = text

    def _start(self, launch: Launch) -> None:
        place = Path(launch.cwd).name
        tree = self._depot.workspaces[place].tree
        if place.endswith(".gate"):
            Path(launch.directory).mkdir()
            code = 127 if self._world.storm and self._world.chance(self.gate_errors) else 0 if good(launch.argv[0], tree) else 1
            deed = Deed((), self._world.rng.uniform(0.02, 1.0) * self.gate_pace, code=code)
        elif re.search(r"\.(plan\d+|review-[a-z]+\d*)$", place):
            self._depot.watch.asking(place)
            assert self.agent is not None
            deed = self.agent.asking(self.agent.answer(place))
        else:
            self._depot.watch.starting(Path(launch.directory).name)
            assert self.agent is not None
            deed = self.agent.asking(self.agent.decide(launch, tree))
        shim = self.shims[launch.directory] = Shim(launch, deed, self._world.now)
        shim.remembers = self.agent is not None and self.agent.resumes

    async def _end(self, shim: Shim) -> Exit:
        world = self._world
        assert world.loop is not None
        while self.alive(shim):
            future: asyncio.Future[None] = world.loop.create_future()
            self._waiting[shim.launch.directory] = future
            timer = world.loop.call_at(min(shim.ends_at, *shim.requests[:1], shim.ends_at), self._wake, shim)
            try:
                await future
            finally:
                timer.cancel()
                self._waiting.pop(shim.launch.directory, None)
            self.spend()
        if world.chance(world.delay_rate):
            await asyncio.sleep(world.rng.uniform(0.0, 2.0))  # the answer comes late
        world.point("ended")
        return shim.exit

    def _wake(self, shim: Shim) -> None:
        future = self._waiting.pop(shim.launch.directory, None)
        if future and not future.done():
            future.set_result(None)
