"""Settling what the settings leave open, from the repository as it is. Looks, and changes nothing."""

from __future__ import annotations

import msgspec

from chargehand.depot import repository
from chargehand.model.config import Config
from chargehand.model.errors import ConfigProblem, RepositoryProblem
from chargehand.model.task import Spec
from chargehand.service.project import Project
from chargehand.service.status import status


def needs_git(config: Config, spec: Spec) -> bool:
    """Whether anything is to be committed or checked out: not when every task is a command that runs in place."""
    commits = any((task.evidence or config.evidence) == "commit" for task in spec.tasks)
    return commits or config.workspace != "in-place"


def resolve(project: Project, config: Config, spec: Spec) -> Config:
    """The settings with the target branch filled in, and one job where agents share the user's own files.

    Raises RepositoryProblem when the repository cannot be worked on.
    """
    if not needs_git(config, spec):
        return config
    target = repository.target(repository.inspect(project.root), config.target)
    jobs = 1 if config.workspace == "in-place" else config.jobs
    if config.workspace == "in-place" and not repository.is_clean(project.root) and status(project) is None:
        raise RepositoryProblem(
            "you have changes of your own, and in place they could not be told from the agent's", hint="commit or stash them first"
        )
    return msgspec.structs.replace(config, target=target, jobs=jobs)


def choose_agent(config: Config) -> str:
    """The agent to use: the one named, or the only one there is. Raises ConfigProblem when that leaves none or several."""
    if config.agent:
        return config.agent
    if len(config.agents) == 1:
        return next(iter(config.agents))
    if config.agents:
        hint = f'agent = "{next(iter(config.agents))}", or --agent NAME'
        raise ConfigProblem(f"several agents are configured ({', '.join(config.agents)}) and none is chosen", hint=hint)
    hint = "name one in chargehand.toml: a table [agents.NAME] with command = [...]; chargehand init writes a first file"
    raise ConfigProblem("no agent is configured", hint=hint)
