"""From settings to an agent."""

from __future__ import annotations

from pathlib import Path

from chargehand.agents.command import CommandAgent
from chargehand.agents.scripted import ScriptedAgent
from chargehand.model.config import AgentConfig
from chargehand.ports import Agent


def make_agent(name: str, config: AgentConfig, root: Path) -> Agent:
    """The agent these settings describe. Relative paths start at ``root``, the project. Raises ConfigProblem."""
    match config.kind:
        case "scripted":
            return ScriptedAgent(name, config, root)
        case "command":
            return CommandAgent(name, config, root)
