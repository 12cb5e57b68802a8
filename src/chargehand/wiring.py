"""The composition of the house: which hand does what. The only place that knows all rooms."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from chargehand.model.config import Config
from chargehand.model.errors import Problem
from chargehand.model.task import Spec
from chargehand.ports import Depot, Store
from chargehand.service import secrets, workplace
from chargehand.service.doctor import Finding
from chargehand.service.project import Project
from chargehand.service.running import Hands


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def hands(project: Project, config: Config, spec: Spec, ambient: Mapping[str, str] = os.environ) -> Hands:
    """Everything a run needs, for real. Raises ConfigProblem or RepositoryProblem when the run could not even begin."""
    from chargehand.agents.registry import make_agent
    from chargehand.depot.depot import GitDepot
    from chargehand.engine.crew import Crew
    from chargehand.gates.registry import make_gates
    from chargehand.process.environment import allowed, private_home
    from chargehand.process.pool import ShimPool
    from chargehand.store.sqlite import SqliteStore

    ambient = dict(ambient)  # os.environ would be decoded anew at every look
    # Workspaces lie inside the user's repository: an agent that breaks his own must not find that one above it.
    visible = allowed(ambient) | {"GIT_CEILING_DIRECTORIES": str(project.state / "work")}
    name = workplace.choose_agent(config)
    agents = {each: make_agent(each, config.agents[each], project.root) for each in _agents(config, name)}
    clock = SystemClock()
    pool = ShimPool(project.state / "shim.log")
    gates = make_gates(config, pool, ambient) if workplace.needs_git(config, spec) else ()

    def preflight() -> Iterator[Problem]:
        asked = [(f"agents.{each}", agent.preflight()) for each, agent in agents.items()]
        asked += [(f"gates.{gate.name}", gate.preflight()) for gate in gates]
        for label, reason in asked:
            if reason:
                message, _, hint = reason.partition(" (hint: ")
                yield Problem("environment.missing", message, label, hint=hint.removesuffix(")"))

    def depot() -> Depot | None:
        if not workplace.needs_git(config, spec):
            return None
        return GitDepot.open(project.root, project.state, config.target, config.workspace)

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
            gates=gates,
            ambient=ambient,
            cage=lambda home: visible | private_home(home),
            offload=asyncio.to_thread,
            redactor=secrets.redactor(config, ambient),
        )

    return Hands(
        preflight=lambda: tuple(preflight()), store=lambda: SqliteStore.open(project.ledger), depot=depot, crew=crew, clock=clock
    )


def _agents(config: Config, default: str) -> list[str]:
    """Every agent a run may call."""
    return [*dict.fromkeys([default, *config.retry.escalate, *filter(None, [config.retry.planner])])]


def examine_programs(project: Project, config: Config) -> Iterator[Finding]:
    """What the chosen agent and the gates say of themselves, for ``doctor``."""
    from chargehand.agents.registry import make_agent
    from chargehand.gates.registry import make_gates
    from chargehand.process.pool import ShimPool

    name = workplace.choose_agent(config)
    agent = make_agent(name, config.agents[name], project.root)
    gates = make_gates(config, ShimPool(project.state / "shim.log"), os.environ)
    asked = [(f"agent {name}", agent.preflight()), *((f"gate {gate.name}", gate.preflight()) for gate in gates)]
    for label, reason in asked:
        message, _, hint = reason.partition(" (hint: ")
        yield Finding("problem" if message else "ok", label, message or "can run", hint.removesuffix(")"))


def user_file() -> Path:
    """The user's own settings."""
    from platformdirs import user_config_path

    return user_config_path("chargehand") / "config.toml"
