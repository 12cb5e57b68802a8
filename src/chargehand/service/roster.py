"""Who works in a run: the agents of the settings that it may call, and those that single tasks bring along."""

from __future__ import annotations

import difflib

import msgspec

from chargehand.model.config import AgentConfig, Config
from chargehand.model.errors import ConfigProblem, Problem
from chargehand.model.task import Spec, Task
from chargehand.plan.terms import COMMAND, agent_of
from chargehand.service.workplace import choose_agent


def roster(config: Config, spec: Spec) -> tuple[str, dict[str, AgentConfig]]:
    """The default agent's name, and the settings of every agent the run may call.

    Raises ConfigProblem when none is chosen, or tasks ask for agents or gates that are not configured: all of them at once.
    """
    commands = {COMMAND + task.id: _command(task) for task in spec.tasks if task.terms and task.terms.command}
    nobody_needed = len(commands) == len(spec.tasks) > 0 and not config.agents
    default = next(iter(commands)) if nobody_needed else choose_agent(config)
    problems = tuple(problem for task in spec.tasks if (problem := _complaint(task, config)))
    if problems:
        raise ConfigProblem("tasks ask for what is not configured", problems=problems, hint=problems[0].hint)
    reviewers = config.review.agents if config.review.policy != "off" or config.review.independent else []
    names = [default, *config.retry.escalate, *filter(None, [config.retry.planner]), *reviewers]
    called = {name: config.agents[name] for name in dict.fromkeys(names) if name in config.agents}
    for task in spec.tasks:
        if task.terms and not task.terms.command and (task.terms.agent or task.terms.model):
            settings = config.agents[task.terms.agent or default]
            model = task.terms.model or settings.model
            called[agent_of(task, default)] = msgspec.structs.replace(settings, model=model)
    return default, called | commands


def _command(task: Task) -> AgentConfig:
    """A task that is a command is no agent's: it costs nothing."""
    assert task.terms is not None
    return AgentConfig(kind="command", command=["/bin/sh", "-c", task.terms.command], paid=False)


def _complaint(task: Task, config: Config) -> Problem | None:
    if task.terms is None:
        return None
    for kind, wanted, known in (
        ("agent", [task.terms.agent] if task.terms.agent and not task.terms.command else [], config.agents),
        ("gate", task.terms.gates or (), config.gates),
    ):
        for name in wanted:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"add a table [{kind}s.{name}]"
                return Problem(
                    f"config.{kind}", f"{task.id} asks for the {kind} {name}", "", task.span.line, task.span.column, hint
                )
    return None
