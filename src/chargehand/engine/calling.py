"""One call of an agent: prepared, metered, caged, started or taken up again, and its price found out."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from chargehand.engine.crew import Crew
from chargehand.engine.ledger import Ledger
from chargehand.engine.patience import Patience
from chargehand.engine.purse import Purse
from chargehand.model.work import Exit, Report, Tally, Usage
from chargehand.ports import Agent, Call, Gateway, Launch, Room
from chargehand.process.files import write_private
from chargehand.process.scrub import scrub_streams

_OURS = frozenset({"budget", "turn_limit"})
"""What the meter refuses by itself, so that the provider has no say in it."""

ANY_HOST = "*"
"""In ``hosts``: the whole network."""


class Order(NamedTuple):
    """A call to be made. ``number`` is the attempt's; ``home`` names the call whose private HOME it has (empty: its own), and
    ``resumes`` the session that lies there. ``commit`` is what the workspace was made from. ``minutes`` limits it (0: as the
    settings say)."""

    call: str
    agent: str
    task: str
    number: int
    prompt: str
    workspace: Path
    commit: str = ""
    home: str = ""
    resumes: str = ""
    schema: str = ""
    read_only: bool = False
    minutes: float = 0.0


class Access(NamedTuple):
    """What a call may reach: its model through ``gateway``, ``hosts`` through the socket ``way``."""

    gateway: Gateway | None = None
    hosts: tuple[str, ...] = ()
    way: str = ""


class Calls:
    """``closing`` is set when every agent is told to end: none is started any more."""

    def __init__(self, crew: Crew, ledger: Ledger, purse: Purse, patience: Patience) -> None:
        self._crew, self._ledger, self._purse, self._patience = crew, ledger, purse, patience
        self.closing = False

    async def make(self, order: Order) -> Exit:
        """Start a call and wait for its end."""
        agent = self._crew.agent_of(order.agent)
        access = await self._admit(order.call, agent, order.task, order.number)
        trusted = bool(order.commit) and await self._crew.offload(self._crew.trusts, order.commit)
        launch = await self._patience.here(self._launch, order, agent, access, trusted)
        if self.closing:
            raise asyncio.CancelledError  # claimed and not started: the next run does that
        return await self._crew.launcher.run(launch)

    async def take_up(self, call: str, agent: str, task: str, number: int) -> Exit | None:
        """The end of a call an earlier engine made; waits for it. None when it was never started."""
        place = self._crew.place(call)
        if not place.exists():
            return None
        await self._admit(call, self._crew.agent_of(agent), task, number)
        return await self._crew.launcher.adopt(place)

    async def read(self, call: str, agent_name: str, exit_: Exit, before: Tally | None = None) -> Report:
        """What a call that ended says of itself, with what the meter counted where it did. Its key is void from here on."""
        agent, place, report = self._crew.agent_of(agent_name), self._crew.place(call), Report()
        if exit_.stdout_bytes or exit_.stderr_bytes or agent.api:
            report = await self._crew.offload(agent.report, place / "stdout.log", exit_, before or Tally())
        if exit_.stdout_bytes or exit_.stderr_bytes:
            await self._crew.offload(scrub_streams, place, self._crew.redactor)
        if self._crew.meter is None:
            return report
        metered = await self._crew.meter.dismiss(place)
        if metered.refused and (metered.refused.kind in _OURS or not report.finished):
            # The meter knows better than the program. But what it ended well without, it did not need.
            report = msgspec.structs.replace(report, error=metered.refused)
        if metered.requests:
            usage = (
                metered.usage if not metered.unpriced else msgspec.structs.replace(metered.usage, cost_usd=report.usage.cost_usd)
            )
            report = msgspec.structs.replace(report, usage=usage)
        return report

    async def charged(self, call: str, task: str, number: int, charged: Usage) -> None:
        """The end of a call and its price are on record: what was held for it is free."""
        self._purse.settle(call, task, number, charged)
        if self._crew.meter is not None:
            await self._crew.meter.settle(self._crew.place(call), lambda: self._purse.allowance(task, number))

    async def _admit(self, call: str, agent: Agent, task: str, number: int) -> Access:
        """Let the call's requests through, and let it reach the hosts it may reach."""
        crew, place = self._crew, self._crew.place(call)
        if crew.meter is None:
            return Access()
        caged = crew.cage is not None
        gateway = None
        if agent.api:
            gateway = await crew.meter.admit(place, agent, lambda: self._purse.allowance(task, number), caged=caged)
        hosts = self._hosts(agent, gateway)
        way = await crew.meter.way_out(place, hosts) if caged and hosts and ANY_HOST not in hosts else ""
        return Access(gateway, hosts, way)

    def _hosts(self, agent: Agent, gateway: Gateway | None) -> tuple[str, ...]:
        """What it may reach from inside a cage besides its model."""
        settings = self._crew.config.agents.get(agent.name)
        own = agent.login_hosts if gateway is None else ()  # then it talks to its provider by itself
        return (*(settings.hosts if settings else ()), *own)

    def _launch(self, order: Order, agent: Agent, access: Access, trusted: bool) -> Launch:
        crew, place = self._crew, self._crew.place(order.call)
        limits = crew.config.timeouts
        prompt, home = place / "prompt.md", crew.place(order.home or order.call) / "home"
        write_private(prompt, order.prompt)
        surroundings = crew.surroundings(home)
        call = Call(
            prompt=order.prompt,
            workspace=str(order.workspace),
            home=str(home),
            session=str(uuid.uuid5(uuid.NAMESPACE_OID, order.call)),
            resume=order.resumes,
            schema=order.schema,
            read_only=order.read_only,
            trusted=trusted,
            gateway=access.gateway,
        )
        prepared = agent.prepare(call, crew.ambient)
        for name, text in prepared.files.items():
            write_private(home / name, text)
        logins = self._logins(agent, home) if access.gateway is None else ()
        launch = Launch(
            argv=prepared.argv,
            cwd=str(order.workspace),
            env=surroundings
            | prepared.env
            | {
                "CHARGEHAND_TASK_ID": order.task,
                "CHARGEHAND_ATTEMPT": str(order.number),
                "CHARGEHAND_RUN_ID": self._ledger.board.run,
            },
            directory=str(place),
            stdin=str(prompt) if prepared.stdin else "",
            timeout_s=(order.minutes or limits.task_minutes) * 60,
            stall_s=limits.stall_minutes * 60,
            kill_s=limits.kill_seconds,
            output_cap=int(crew.config.transcript_mb * 1024 * 1024),
        )
        reads = (*agent.places(), *prepared.reads, *filter(None, [launch.stdin]))
        return self._caged(launch, access, reads, (str(home), *logins), read_only=order.read_only)

    def _caged(self, launch: Launch, access: Access, reads: tuple[str, ...], own: tuple[str, ...], *, read_only: bool) -> Launch:
        crew = self._crew
        if crew.cage is None:
            return launch
        git, shared = (crew.depot.places(), crew.depot.shared()) if crew.depot is not None else ((), ())
        room = Room(
            writable=own if read_only else (launch.cwd, *own, *shared),
            readable=(*reads, *git, *([launch.cwd] if read_only else [])),
            hidden=crew.hidden,
            socket=crew.meter.socket() if crew.meter is not None and access.gateway is not None else "",
            proxy=access.way,
            hosts=access.hosts,
            network=ANY_HOST in access.hosts,
        )
        return crew.cage.wrap(launch, room)

    def _logins(self, agent: Agent, home: Path) -> tuple[str, ...]:
        """Show the program its user's own login, where he wants that. A link, so that a key it renews is renewed for him too."""
        settings = self._crew.config.agents.get(agent.name)
        if settings is None or not settings.login:
            return ()
        found = []
        for name in agent.login:
            real, link = Path(self._crew.ambient.get("HOME", "/nonexistent"), name), home / name
            if real.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    link.symlink_to(real)
                found.append(str(real))
        return tuple(found)
