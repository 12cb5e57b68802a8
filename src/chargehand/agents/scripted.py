"""The agent that needs no model: it performs the steps of a TOML file. For the demo, for tests and for bug reports."""

from __future__ import annotations

import sys
from pathlib import Path

from chargehand.agents import script_player
from chargehand.agents.reports import read_report
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.work import Report


class ScriptedAgent:
    """An `Agent` that plays a script (see docs/agents.md) in a process of its own. Raises ConfigProblem when none is named."""

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        if not config.script or "\0" in config.script:
            raise ConfigProblem(f"agent {name!r} has no script", hint=f'set [agents.{name}] script = "path/to/script.toml"')
        self.name = name
        self.model = config.model
        self.paid = config.paid
        self._passed = tuple(config.env)
        self._script = (root / config.script).absolute()

    def preflight(self) -> str:
        """Every problem of the script, one a line (empty: it can be played)."""
        return "\n".join(script_player.load(str(self._script))[1])

    def command(self, prompt_file: str, workspace: str) -> tuple[str, ...]:  # noqa: ARG002  the script knows what to do
        """The argv of one attempt: our own interpreter, isolated, with the player."""
        return (sys.executable, "-I", str(Path(script_player.__file__).absolute()), str(self._script))

    def environment(self, ambient: dict[str, str]) -> dict[str, str]:
        """What of the user's environment the script's shell steps are given: the variables the settings name."""
        return {name: ambient[name] for name in self._passed if name in ambient}

    def report(self, stdout: Path) -> Report:
        """What the transcript reports of tokens, money and errors."""
        return read_report(stdout)
