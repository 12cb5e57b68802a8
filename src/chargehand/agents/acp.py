"""Any agent that speaks the Agent Client Protocol, started by a client of our own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from chargehand.agents.command import CommandAgent
from chargehand.agents.meter.routes import KEY_VARIABLES, URL_VARIABLES
from chargehand.agents.ours import Ours
from chargehand.agents.providers import with_schema
from chargehand.model.config import AgentConfig
from chargehand.ports import Api, Call, Prepared


class AcpAgent(Ours):
    """An `Agent` that is ``command``, which speaks the protocol on stdin and stdout. With ``api`` it is told by environment where
    its model is and which key to use, as programs of that provider are, and so can be metered; without, it gets what ``env`` names.
    It may change files in its workspace and its HOME; ``max_turns`` counts its calls of tools. Sessions are gone on with where the
    agent offers that. Raises ConfigProblem when the command is empty or cannot be split into words."""

    program = "acp"
    module = "acp"
    speaks: ClassVar[tuple[Api, ...]] = ("", "anthropic", "openai", "gemini")
    sums: ClassVar[frozenset[str]] = frozenset({"cost"})

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        super().__init__(name, config, root)
        self._command = CommandAgent(name, config, root)

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        return self._command.preflight()

    def places(self) -> tuple[str, ...]:
        """Where the agent and our client are installed."""
        return tuple(dict.fromkeys((*super().places(), *self._command.places())))

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        program, *words = self._command.prepare(call, {}).argv
        found = shutil.which(program, path=ambient.get("PATH", os.defpath))
        told = {
            "command": [found or program, *words, *self.config.args],
            "workspace": call.workspace,
            "home": call.home,
            "resume": call.resume,
            "fork": call.fork,
            "model": self.model,
            "instructions": with_schema(self.instructions(call), call.schema),
            "read_only": call.read_only,
            "max_turns": self.config.max_turns,
            "version": version("chargehand"),
        }
        prepared = self.start(call, ambient, told)
        return Prepared(argv=prepared.argv, env=self._model(call, ambient) | prepared.env, files=prepared.files)

    def _model(self, call: Call, ambient: Mapping[str, str]) -> dict[str, str]:
        """The variables by which programs of a provider find it."""
        if not self.api:
            return {}
        names = (self.config.key,) if self.config.key else KEY_VARIABLES[self.api]
        key, url = next((ambient[name] for name in names if ambient.get(name)), ""), self.config.url.rstrip("/")
        if call.gateway:
            key, url = call.gateway.key, call.gateway.url
        elif self.config.login:
            key = ""
        env = {
            KEY_VARIABLES[self.api][0]: key,
            URL_VARIABLES[self.api]: self.versioned(url) if self.api == "openai" and url else url,
        }
        return {name: value for name, value in env.items() if value}
