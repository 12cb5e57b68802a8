"""A process of ours that lives on when the engine ends: in a session of its own, with nothing of the terminal it came from."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from chargehand.process.strays import HOUSE_MARKER

_ENTRY = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main(sys.argv[2:])"
_CODE = str(Path(__file__).parents[2])


def start(module: str, arguments: list[str], errors: Path, env: Mapping[str, str]) -> int:
    """Run ``main(arguments)`` of a module of ours in a new process and return its pid. What it writes goes to ``errors``.

    It sees ``env`` and nothing else of ours. Raises OSError when no process can be started.
    """
    errors.parent.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-X", "utf8", "-c", _ENTRY.format(module=module), _CODE, *arguments],
        {**env, HOUSE_MARKER: "1"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(errors), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def ended(pid: int) -> int | None:
    """The exit code of a process we started, negative for a signal; None while it runs. 0 when somebody else asked before."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if found else None
