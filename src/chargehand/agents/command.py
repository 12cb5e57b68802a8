"""The agent that is any program: an argv with placeholders, the prompt on stdin."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from chargehand.agents.driver import installed
from chargehand.agents.reports import line_signals, read_report
from chargehand.model.config import AgentConfig, Command
from chargehand.model.errors import ConfigProblem
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Report, Tally
from chargehand.ports import Api, Call, Prepared

_PROMPT = "prompt.md"
_PLACEHOLDER = re.compile(r"\{(prompt_file|model|workspace)\}")


class CommandAgent:
    """An `Agent` that runs the command of its settings. A program given as a relative path is one of the project's own.

    Raises ConfigProblem when the command is empty or cannot be split into words.
    """

    api: Api = ""
    turns = 0
    edits = True
    own_server = ""
    resumes = False
    login: tuple[str, ...] = ()
    login_hosts: tuple[str, ...] = ()

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        self.name = name
        self.model = config.model
        self.paid = config.paid
        self._passed = tuple(config.env)
        words = _split(name, config.command)
        if not words or not words[0]:
            raise ConfigProblem(f"agent {name!r} has no command", hint=f'set [agents.{name}] command = ["program", "argument"]')
        # The workspace's copy of a program is the agents' own work: it is never what gets started.
        if _PLACEHOLDER.search(words[0]):
            raise ConfigProblem(f"the program of agent {name!r} holds a placeholder: {words[0]}", hint="name the program itself")
        program = str((root / words[0]).absolute()) if "/" in words[0] else words[0]
        self._words = (program, *(words[1:] if config.model else _without_model(words[1:])))

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        program = self._words[0]
        if shutil.which(program):
            return ""
        if "/" not in program:
            return (
                f"agent {self.name!r}: {program} was not found on PATH (hint: install it, or change [agents.{self.name}] command)"
            )
        if not os.path.exists(program):  # noqa: PTH110  a path from the settings may be too long for a Path's stat
            return f"agent {self.name!r}: {program} does not exist (hint: correct [agents.{self.name}] command)"
        return f"agent {self.name!r}: {program} is not an executable file (hint: chmod +x {shlex.quote(program)})"

    def places(self) -> tuple[str, ...]:
        """Files and folders the program needs to read beyond the system's own: where it is installed."""
        found = shutil.which(self._words[0])
        return installed(Path(found)) if found else ()

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started: the prompt is on stdin and, for programs that cannot read it there, in a file as well."""
        values = {"prompt_file": f"{call.home}/{_PROMPT}", "model": self.model, "workspace": call.workspace}
        argv = tuple(_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in self._words)
        files = {_PROMPT: call.prompt} if any("{prompt_file}" in word for word in self._words) else {}
        return Prepared(argv=argv, env={name: ambient[name] for name in self._passed if name in ambient}, files=files)

    def signals(self, line: bytes) -> Iterator[Signal]:
        """What one line tells: what it reports of usage and errors, or its text."""
        return line_signals(line)

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:  # noqa: ARG002  it keeps no sessions
        """What the transcript reports of tokens, money and errors. Whether it finished is for its exit code to say."""
        return read_report(stdout)


_SHELL_SIGNS = frozenset({"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1"})


def _split(name: str, command: Command) -> list[str]:
    if "\0" in "".join(command):
        raise ConfigProblem(f"the command of agent {name!r} holds a NUL character", hint="no program can be given one: remove it")
    if not isinstance(command, str):
        return list(command)
    try:
        signs = [word for word in shlex.split(command, posix=False) if word in _SHELL_SIGNS or word.endswith(";")]
        if signs:
            raise ConfigProblem(
                f"the command of agent {name!r} is written for a shell ({signs[0]}), and none reads it",
                hint=f'[agents.{name}] command = ["sh", "-c", "..."]',
            )
        return shlex.split(command)
    except ValueError as error:
        raise ConfigProblem(
            f"the command of agent {name!r} cannot be split into words: {str(error).lower()} in {command!r}",
            hint=f'close the quote, or write a list: [agents.{name}] command = ["program", "argument"]',
        ) from None


def _without_model(words: list[str]) -> list[str]:
    """Leave out ``{model}``, ``--model {model}`` and ``--model={model}``: the program then takes its own default."""
    kept: list[str] = []
    for word in words:
        if word == "{model}":
            if kept and kept[-1].startswith("-"):
                kept.pop()
        elif not (word.startswith("-") and word.endswith("={model}")):
            kept.append(word)
    return kept
