"""The composition of the house: which hand does what. The only place that knows all rooms."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from chargehand.model.config import AgentConfig, Config
from chargehand.model.errors import Problem
from chargehand.model.task import PROSE, Spec
from chargehand.plan.terms import agent_of
from chargehand.ports import Agent, Depot, Gate, Meter, Room, Store
from chargehand.service import plugins, secrets, trust, workplace
from chargehand.service.doctor import Finding
from chargehand.service.project import Project
from chargehand.service.roster import roster
from chargehand.service.running import Hands

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.clock_gettime(_STEADY)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def hands(project: Project, config: Config, spec: Spec, ambient: Mapping[str, str] = os.environ) -> Hands:
    """Everything a run needs, for real. Raises ConfigProblem or RepositoryProblem when the run could not even begin."""
    from chargehand.agents.registry import make_agent
    from chargehand.depot.depot import GitDepot
    from chargehand.depot.forge import GhForge
    from chargehand.engine.crew import Crew
    from chargehand.gates.inspectors import make_inspectors
    from chargehand.gates.registry import make_gates
    from chargehand.process import cage
    from chargehand.process.environment import allowed, private_home
    from chargehand.process.pool import ShimPool
    from chargehand.process.thread import on_a_thread
    from chargehand.store.sqlite import SqliteStore

    ambient = dict(ambient)  # os.environ would be decoded anew at every look
    # Workspaces lie inside the user's repository: an agent that breaks his own must not find that one above it.
    visible = allowed(ambient) | {"GIT_CEILING_DIRECTORIES": str(project.state / "work")}
    name, called = roster(config, spec)
    agents = {each: make_agent(each, settings, project.root, config.prices) for each, settings in called.items()}
    clock = SystemClock()
    pool = ShimPool(project.state / "shim.log")
    redactor = secrets.redactor(config, ambient)
    kept_in = cage.choose(config.cage)
    hidden = (ambient.get("HOME", ""), str(project.root), str(project.state))

    def judges(depot: Depot | None, config: Config = config) -> tuple[Gate, ...]:
        if depot is None:
            return ()
        room = Room(writable=(), hidden=hidden, readable=depot.places())
        return make_gates(
            config, pool, ambient, None if kept_in.name == "none" else kept_in, room, project.root, project.state / "cache"
        )

    def regenerators(depot: Depot | None) -> dict[str, Gate]:
        return {gate.name: gate for gate in judges(depot, msgspec.structs.replace(config, gates=config.regenerate))}

    def preflight() -> Iterator[Problem]:
        gates = make_gates(config, pool, ambient) if workplace.needs_git(config, spec) else ()
        asked = spec.format == PROSE  # to answer, not to work
        workers = set() if asked else {name, *config.retry.escalate, *(agent_of(task, name) for task in spec.tasks)}
        yield from _missing(agents, gates, workers)

    def depot(target: str) -> Depot | None:
        if not workplace.needs_git(config, spec):
            return None
        return GitDepot.open(project.root, project.state, target, config.workspace)

    def crew(store: Store, depot: Depot | None) -> Crew:
        return Crew(
            root=project.root,
            state=project.state,
            config=config,
            spec=spec,
            clock=clock,
            store=store,
            launcher=pool,
            depot=depot,
            agent=name,
            agents=agents,
            gates=judges(depot),
            inspectors=make_inspectors(config, redactor),
            ambient=ambient,
            surroundings=lambda home: visible | private_home(home),
            offload=on_a_thread,
            cage=None if kept_in.name == "none" else kept_in,
            meter=_meter(project, config, called, agents, ambient),
            hidden=hidden,
            trusts=lambda commit: trust.obeys(project, config, commit),
            redactor=redactor,
            regenerators=regenerators(depot),
            plugins=lambda: plugins.usable(project, config),
            forge=GhForge(project.root, project.state / "offers") if config.integration == "pr" else None,
        )

    return Hands(
        preflight=lambda: tuple(preflight()),
        store=lambda: SqliteStore.open(project.ledger),
        depot=depot,
        crew=crew,
        clock=clock,
        notes=lambda: (
            *filter(None, [cage.unprotected(kept_in)]),
            *_unpriced(called, agents, config),
            *trust.complaints(project.root, config),
            *plugins.complaints(project, config),
        ),
    )


def _unpriced(called: Mapping[str, AgentConfig], agents: Mapping[str, Agent], config: Config) -> list[str]:
    """Of which agents' models nobody told the price, though somebody is paid."""
    from chargehand.agents.prices import unknown

    paid = [agents[name] for name, each in called.items() if each.paid and agents[name].api and (each.key or not each.url)]
    models = dict.fromkeys(agent.model for agent in paid if not agent.own_server)
    return [f'{said} (hint: [prices."{model}"])' for model in models if (said := unknown(model, config.prices))]


def _missing(agents: Mapping[str, Agent], gates: Iterable[Gate], workers: Iterable[str]) -> Iterator[Problem]:
    """What keeps agents and gates from running here. ``workers`` are to change files, not only to answer."""
    asked = [(f"agents.{name}", agent.preflight()) for name, agent in agents.items()]
    asked += [(f"gates.{gate.name}", gate.preflight()) for gate in gates]
    for label, reason in asked:
        if reason:
            message, _, hint = reason.partition(" (hint: ")
            yield Problem("environment.missing", message, label, hint=hint.removesuffix(")"))
    for name in workers:
        if not agents[name].edits:
            message = f"agent {name!r} only answers: it has no tools to change files"
            yield Problem("config.agent", message, f"agents.{name}", hint="let it review or plan, and name another one for tasks")


def _meter(
    project: Project, config: Config, called: Mapping[str, AgentConfig], agents: Mapping[str, Agent], ambient: Mapping[str, str]
) -> Meter | None:
    """The gateway to models, where an agent can be made to use one."""
    agents_need = any(agent.api or agent.login_hosts for agent in agents.values())
    wanted = agents_need or any(settings.hosts for settings in called.values())
    if not config.meter or not wanted:
        return None
    from chargehand.agents.meter.client import MeterClient

    wait = min(240.0, config.timeouts.stall_minutes * 60 / 2)
    record, replay = (project.root / name if name else None for name in (config.record, config.replay))
    return MeterClient(project.state, called, ambient, config.prices, record=record, replay=replay, max_wait_s=wait)


def examine_gates(project: Project, config: Config) -> Iterator[Finding]:
    """What the gates say of themselves, for ``doctor``."""
    from chargehand.gates.registry import make_gates
    from chargehand.process.pool import ShimPool

    for gate in make_gates(config, ShimPool(project.state / "shim.log"), os.environ):
        message, _, hint = gate.preflight().partition(" (hint: ")
        yield Finding("problem" if message else "ok", f"gate {gate.name}", message or "can run", hint.removesuffix(")"))


def cache_folder() -> Path:
    """What is kept for the user only to be faster."""
    from platformdirs import user_cache_path

    return user_cache_path("chargehand")
