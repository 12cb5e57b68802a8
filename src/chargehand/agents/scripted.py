"""The agent that needs no model: it performs the steps of a TOML file. For the demo, for tests and for bug reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from chargehand.agents import script_player
from chargehand.agents.driver import beyond_system
from chargehand.agents.reports import line_signals, read_report
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Report, Tally
from chargehand.ports import Api, Call, Prepared


class ScriptedAgent:
    """An `Agent` that plays a script (see docs/agents.md) in a process of its own. Raises ConfigProblem when none is named."""

    api: Api = ""
    turns = 0
    edits = True
    own_server = ""
    resumes = False
    login: tuple[str, ...] = ()
    login_hosts: tuple[str, ...] = ()

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

    def places(self) -> tuple[str, ...]:
        """What the player needs to read: our interpreter, itself, the script and the files it names."""
        steps, _ = script_player.load(str(self._script))
        files = (script_player.__file__, self._script, *(step["from"] for step in steps if "from" in step))
        return beyond_system(Path(path) for path in (sys.prefix, sys.base_prefix, *files))

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:  # noqa: ARG002  the script knows what to do
        """How a call is started: our own interpreter, isolated, with the player."""
        argv = (sys.executable, "-I", str(Path(script_player.__file__).absolute()), str(self._script))
        return Prepared(argv=argv, env={name: ambient[name] for name in self._passed if name in ambient})

    def signals(self, line: bytes) -> Iterator[Signal]:
        """What one line tells: what it reports of usage and errors, or its text."""
        return line_signals(line)

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:  # noqa: ARG002  it keeps no sessions
        """What the transcript reports of tokens, money and errors. Whether it finished is for its exit code to say."""
        return read_report(stdout)
