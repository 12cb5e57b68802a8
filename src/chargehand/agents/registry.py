"""From settings to an agent."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from chargehand.model.config import AgentConfig, AgentKind
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


def make_agent(name: str, config: AgentConfig, root: Path) -> Agent:
    """The agent these settings describe. Relative paths start at ``root``, the project. Raises ConfigProblem."""
    module, _, made = KINDS[config.kind].partition(":")
    agent: Agent = getattr(import_module(f"chargehand.agents.{module}"), made)(name, config, root)
    return agent
