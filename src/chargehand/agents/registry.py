"""From settings to an agent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import cast

from chargehand.model.config import AgentConfig, AgentKind, PriceConfig
from chargehand.ports import Agent

KINDS: dict[AgentKind, str] = {
    "command": "command:CommandAgent",
    "scripted": "scripted:ScriptedAgent",
    "claude": "claude:ClaudeAgent",
    "codex": "codex:CodexAgent",
    "opencode": "opencode:OpencodeAgent",
    "pi": "pi:PiAgent",
    "gemini": "gemini:GeminiAgent",
    "qwen": "qwen:QwenAgent",
    "droid": "droid:DroidAgent",
    "aider": "aider:AiderAgent",
    "ollama": "ollama:OllamaAgent",
    "llama": "llama:LlamaAgent",
    "acp": "acp:AcpAgent",
    "deep": "deep:DeepAgent",
}
"""Module and class of each kind; only the one that is asked for is imported."""

NO_PRICES: Mapping[str, PriceConfig] = MappingProxyType({})


def make_agent(name: str, config: AgentConfig, root: Path, prices: Mapping[str, PriceConfig] = NO_PRICES) -> Agent:
    """The agent these settings describe. Relative paths start at ``root``, the project; ``prices`` are what the user says that his
    models cost. Raises ConfigProblem."""
    module, _, made = KINDS[config.kind].partition(":")
    agent = getattr(import_module(f"chargehand.agents.{module}"), made)(name, config, root)
    if hasattr(agent, "prices"):  # the others tell what they cost
        agent.prices = prices
    return cast("Agent", agent)
