"""The gate that is any program: it runs on a fresh checkout of the commit, and exit code 0 passes."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import Mapping
from os import defpath
from pathlib import Path

import msgspec

from chargehand.brief.text import inline
from chargehand.gates import setting_up
from chargehand.gates.excerpt import TAIL_BYTES, excerpt, read_tail
from chargehand.gates.reports import files, output
from chargehand.gates.tests_run import counts
from chargehand.gates.tests_run import describe as in_words
from chargehand.model.config import GateConfig
from chargehand.model.errors import ConfigProblem, EnvironmentProblem
from chargehand.model.task import Task
from chargehand.model.work import Exit, Tests, Verdict, VerdictWord
from chargehand.ports import Cage, Launch, Launcher, Room
from chargehand.process.environment import environment
from chargehand.process.thread import on_a_thread

_SHELL_SYNTAX = re.compile(r"[|&;<>(){}$`\\\n#~]")
_SHELL_WORDS = frozenset(
    {"!", ".", ":", "[", "alias", "bg", "break", "case", "cd", "command", "continue", "echo", "eval", "exec", "exit", "export"}
    | {"false", "fc", "fg", "for", "getopts", "hash", "if", "jobs", "kill", "printf", "pwd", "read", "readonly", "return", "set"}
    | {"shift", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while"}
)
_NO_TESTS_COLLECTED = 5
_COULD_NOT_RUN = (126, 127)
_NOTHING = Room(writable=())
_COUNTED = 4 * 1024 * 1024
"""Bytes of a stream in which tests are counted, from its end."""


class CommandGate:
    """A `Gate` that runs the command of its settings. Raises ConfigProblem when that is empty.

    ``ambient`` is the user's environment; the command sees what the settings name of it, and what every program needs. In a
    ``cage`` it sees ``room``, and may write to its checkout and its own home. ``root`` is the user's project, for files no commit
    holds; ``caches`` is where what its setup makes is kept.
    """

    def __init__(
        self,
        name: str,
        config: GateConfig,
        launcher: Launcher,
        ambient: Mapping[str, str],
        cage: Cage | None = None,
        room: Room = _NOTHING,
        root: Path | None = None,
        caches: Path | None = None,
    ) -> None:
        self.name = name
        self._cage, self._room = cage, room
        self._root, self._caches = root, caches
        self._config = config
        self._launcher = launcher
        self._ambient = ambient
        command = config.command
        text = command if isinstance(command, str) else shlex.join(command)
        if not text.strip() or "\0" in text or not (isinstance(command, str) or command[0]):
            raise ConfigProblem(
                f"gate {name!r} has no command that could be run", hint=f'set [gates.{name}] command = "make check"'
            )
        self._argv = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        self._text, self._title = text, inline(text, 60)

    def preflight(self) -> str:
        """Why this gate cannot run here (empty: it can, as far as can be told without a checkout)."""
        mend = f"change [gates.{self.name}] command"
        try:
            program = self._program()
        except ValueError as error:
            return f"gate {self.name!r}: {str(error).lower()} in {self._title} (hint: {mend})"
        if missing := [name for name in self._config.held_out if self._root and not (self._root / name).exists()]:
            return f"gate {self.name!r}: {missing[0]} is not there (hint: change [gates.{self.name}] held_out)"
        if not program or "/" in program or shutil.which(program, path=self._ambient.get("PATH", defpath)):
            return ""
        return f"gate {self.name!r}: {program} was not found on PATH (hint: install it, or {mend})"

    def _program(self) -> str:
        """The program to be looked for; empty when only the shell can tell. Raises ValueError for an open quote."""
        command = self._config.command
        if not isinstance(command, str):
            return command[0]
        if _SHELL_SYNTAX.search(command):
            return ""
        first = shlex.split(command)[0]
        return "" if first in _SHELL_WORDS or "=" in first else first

    async def judge(self, task: Task, commit: str, checkout: Path, directory: Path) -> Verdict | None:
        """Run the command in ``checkout``; logs and its private home go to ``directory``, which is for this verdict only.

        None when its supervisor was killed: that says nothing of the commit.
        """
        if self._root is not None:
            await on_a_thread(setting_up.include, self._root, checkout)
        if self._config.setup and (ended := await self._set_up(task, checkout, beside(directory))):
            return self._not_set_up(ended, commit, beside(directory))
        if self._config.held_out and self._root is not None:
            try:
                await on_a_thread(setting_up.hold_out, self._root, checkout, self._config.held_out)
            except (OSError, EnvironmentProblem) as problem:
                return Verdict(gate=self.name, commit=commit, verdict="error", summary=inline(f"what is held out: {problem}"))
        if self._config.report:
            await on_a_thread(files.clear, checkout, self._config.report)
        ended = await self._launcher.run(self._launch(self._argv, task, checkout, directory))
        if ended.cause == "lost":
            return None
        return await on_a_thread(self._read, ended, commit, checkout, directory)

    def _launch(self, argv: tuple[str, ...], task: Task, checkout: Path, directory: Path) -> Launch:
        home = directory / "home"
        launch = Launch(
            argv=argv,
            cwd=str(checkout),
            env={
                **environment(self._ambient, home, self._config.env),
                "CHARGEHAND_TASK_ID": task.id,
                "GIT_CEILING_DIRECTORIES": str(checkout.parent),  # without its own repository it must not find the user's above it
            },
            directory=str(directory),
            timeout_s=self._config.timeout_minutes * 60,
        )
        if self._cage is not None:
            own = (*self._room.writable, str(checkout), str(home))
            room = msgspec.structs.replace(self._room, writable=own, network=self._config.network)
            launch = self._cage.wrap(launch, room)
        return launch

    async def _set_up(self, task: Task, checkout: Path, directory: Path) -> Exit | None:
        """Run the setup, unless what it would make is kept. None when all is well, else how it ended."""
        cache = self._config.cache if self._caches else []
        kept = (self._caches or directory) / await on_a_thread(setting_up.key, checkout, self._config)
        there = await on_a_thread(setting_up.restore, kept, checkout, cache)
        if there:
            return None
        clean = setting_up.free(checkout, cache)  # what a commit brings along is never kept for others
        command = self._config.setup
        argv = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        try:
            ended = await self._launcher.run(self._launch(argv, task, checkout, directory))
        except asyncio.CancelledError:
            self._launcher.cancel(directory)
            raise
        if ended.ok and cache and clean:
            await on_a_thread(setting_up.keep, kept, checkout, cache)
        return None if ended.ok else ended

    def _not_set_up(self, ended: Exit, commit: str, directory: Path) -> Verdict | None:
        """A setup that fails is the commit's fault as far as anybody can tell; one that could not run is not."""
        if ended.cause == "lost":
            return None
        word: VerdictWord = "fail" if ended.cause == "exited" and ended.code not in _COULD_NOT_RUN else "error"
        stdout, stderr = read_tail(directory / "stdout.log"), read_tail(directory / "stderr.log")
        return Verdict(
            gate=self.name,
            commit=commit,
            verdict=word,
            summary=inline(f"its setup did not work: {ended.describe()}"),
            evidence=self._evidence(excerpt(stdout, stderr)),
            log=str(directory / "stderr.log"),
        )

    def _evidence(self, shown: str) -> str:
        """What is told of a failure, to agents too: nothing that a held-out test prints, or they would write to it."""
        return "(held out: what it printed is in its log, and not shown to agents)" if self._config.held_out else shown

    def _read(self, ended: Exit, commit: str, checkout: Path, directory: Path) -> Verdict:
        stdout, stderr = read_tail(directory / "stdout.log", _COUNTED), read_tail(directory / "stderr.log", _COUNTED)
        tests = output.read(f"{stdout}\n{stderr}")
        if tests and any(path.is_file() and path.stat().st_size > _COUNTED for path in directory.glob("std*.log")):
            tests = msgspec.structs.replace(tests, ids=(), partial=True)
        word, summary = self._verdict(ended, stdout, stderr, tests)
        if self._config.report and ended.cause == "exited":
            word, summary, tests = self._reported(checkout, word, summary)
        return Verdict(
            gate=self.name,
            commit=commit,
            verdict=word,
            summary=inline(summary),
            evidence="" if word == "pass" else self._evidence(excerpt(stdout[-TAIL_BYTES:], stderr[-TAIL_BYTES:])),
            log=str(directory / ("stdout.log" if stdout.strip() or not stderr.strip() else "stderr.log")),
            duration_s=max(0.0, ended.ended_at - ended.started_at),
            tests=tests,
        )

    def _verdict(self, ended: Exit, stdout: str, stderr: str, tests: Tests | None) -> tuple[VerdictWord, str]:
        mend = f"(hint: install it, or change [gates.{self.name}] command)"
        if ended.cause == "not_started":
            return "error", f"the gate could not run: {ended.describe()} {mend}"
        if ended.cause == "timeout":
            return "error", f"{self._title}: ran out of time after {self._config.timeout_minutes:g} min"
        if ended.cause != "exited":
            return "error", f"{self._title}: {ended.describe()}"
        if ended.code in _COULD_NOT_RUN:
            return "error", f"the gate could not run: {_last_line(stderr, stdout) or self._title} {mend}"
        said = f"{stdout}\n{stderr}"
        nothing = output.nothing_ran(said, tests)
        if ended.code == _NO_TESTS_COLLECTED and "pytest" in " ".join(self._argv):
            nothing = nothing or "none was collected"
        if nothing and ended.code in (0, _NO_TESTS_COLLECTED):
            return "fail", f"{self._title}: no test was run ({nothing}), {ended.describe()}"
        if ended.ok and output.cut_short(self._text, said):
            return "fail", f"{self._title}: {ended.describe()}, but the tests did not come to their end: they were not summed up"
        told = in_words(counts(said)) or (output.describe(tests) if tests else "")
        summary = ", ".join(filter(None, (ended.describe(), told)))
        if ended.ok and tests and tests.failed and "||" not in " ".join(self._argv):
            return "fail", f"{self._title}: {summary}: what failed was passed over"
        return "pass" if ended.ok else "fail", f"{self._title}: {summary}"

    def _reported(self, checkout: Path, word: VerdictWord, summary: str) -> tuple[VerdictWord, str, Tests | None]:
        """The verdict in the light of the report that was asked for: without it, nothing has passed."""
        try:
            tests = files.read(checkout, self._config.report)
        except (files.Unreadable, OSError) as problem:
            return "fail", f"{summary}; its report cannot be read: {problem}", None
        if tests is None:
            return "error" if word == "error" else "fail", f"{summary}; it wrote no report ({self._config.report})", None
        summary = f"{summary}; report: {output.describe(tests) or 'no test'}"
        if word == "pass" and not tests.passed:
            word = "fail"
        return "fail" if word == "pass" and tests.failed else word, summary, tests


def beside(directory: Path) -> Path:
    """Where the setup of a gate that has ``directory`` keeps its logs."""
    return directory.with_name(f"{directory.name}-setup")


def _last_line(*texts: str) -> str:
    """The last line that says something, without the shell's name and line number before it."""
    for text in texts:
        if lines := text.strip().split("\n")[-1].strip():
            return re.sub(r"^(/bin/)?\w*sh: ((line )?\d+: )?", "", lines)
    return ""
