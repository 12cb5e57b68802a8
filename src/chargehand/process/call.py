"""Short commands of our own (git, mostly): run, wait, take the output. Agents and gates run under a shim instead."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from chargehand.model.errors import EnvironmentProblem


class Result(NamedTuple):
    """How a command ended. ``code`` is negative when a signal ended it."""

    code: int
    stdout: bytes
    stderr: bytes


def call(
    argv: Sequence[str],
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 60.0,
) -> Result:
    """Run ``argv`` and wait for its end, at most ``timeout`` seconds. Without ``env`` it inherits ours.

    Raises EnvironmentProblem when it cannot be run or does not end in time; then its process group is killed. An exit code other
    than 0 is not an error here.
    """
    try:
        # A group of its own, so that all of it can be ended; not a session, by which orphans of a shim are recognized.
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
        )
    except (OSError, ValueError) as problem:
        raise _cannot_run(argv, cwd, problem) from problem
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except BaseException as problem:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(problem, subprocess.TimeoutExpired):
                raise
            message = f"`{' '.join(argv[:3])}` did not end within {timeout:g} seconds"
            raise EnvironmentProblem(message, hint="is the disk or the network hanging?") from None
    return Result(process.returncode, stdout, stderr)


def _cannot_run(argv: Sequence[str], cwd: Path | str | None, problem: OSError | ValueError) -> EnvironmentProblem:
    if cwd is not None and not Path(cwd).is_dir():
        return EnvironmentProblem(f"cannot run `{argv[0]}` in {cwd}: no such directory", hint="was it removed meanwhile?")
    if isinstance(problem, FileNotFoundError):
        return EnvironmentProblem(f"`{argv[0]}` was not found", hint=f"install {argv[0]}, or put it on the PATH")
    if isinstance(problem, PermissionError):
        return EnvironmentProblem(f"`{argv[0]}` may not be executed", hint="look at its permissions")
    return EnvironmentProblem(f"cannot run `{argv[0]}`: {problem}")
