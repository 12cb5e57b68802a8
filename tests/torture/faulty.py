"""chargehand with one fault in it: ``python faulty.py PLAN ARGUMENTS...`` is ``chargehand ARGUMENTS...``, but the n-th call fails.

PLAN is JSON: ``{"layer": "store", "number": 7, "how": "before", "log": "FILE"}``. Every call into that layer is counted and noted
in the log; with ``"only": "land"`` those of that name alone are counted. The call of that number (from 1; 0: none) fails:
``before`` it does anything, ``after`` it did all of it, both with an EnvironmentProblem as a full disk or a hanging one gives;
``die before`` and ``die after`` end the whole process with SIGKILL.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chargehand import ports
from chargehand.depot import git
from chargehand.depot.depot import GitDepot
from chargehand.model.errors import EnvironmentProblem
from chargehand.process.pool import ShimPool
from chargehand.store.sqlite import SqliteStore

LAYERS: dict[str, tuple[type, type]] = {
    "store": (SqliteStore, ports.Store),
    "depot": (GitDepot, ports.Depot),
    "process": (ShimPool, ports.Launcher),
}


class Fault:
    """Counts calls and fails one. ``log`` gets a line per call, so that a clean run tells how many there are."""

    def __init__(self, number: int, how: str, log: Path, only: str = "") -> None:
        self._number, self._how, self._count, self._only = number, how, 0, only
        self._log = log.open("a", buffering=1)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def sync(*args: Any, **kwargs: Any) -> Any:
            mine = self._begin(name)
            result = call(*args, **kwargs)
            self._end(name, mine)
            return result

        @functools.wraps(call)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            mine = self._begin(name)
            result = await call(*args, **kwargs)
            self._end(name, mine)
            return result

        @functools.wraps(call)
        def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
            mine = self._begin(name)
            yield from call(*args, **kwargs)
            self._end(name, mine)

        if inspect.iscoroutinefunction(call):
            return coroutine
        return generator if inspect.isgeneratorfunction(call) else sync

    def _begin(self, name: str) -> bool:
        self._count += self._only in {"", name}
        mine = self._count == self._number and self._only in {"", name}
        self._log.write(name + "\n")
        if mine and self._how.endswith("before"):
            self._strike(name)
        return mine

    def _end(self, name: str, mine: bool) -> None:
        if mine:
            self._strike(name)

    def _strike(self, name: str) -> None:
        if self._how.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        raise EnvironmentProblem(f"{name} failed: no space left, or no answer in time", hint="this is a test")


def install(layer: str, fault: Fault) -> None:
    """Put the fault around every call of a port as its class offers it; ``git`` is every single git command of the depot."""
    if layer == "git":
        git.call = fault.around("git", git.call)  # type: ignore[attr-defined]
        return
    implementation, port = LAYERS[layer]
    for name, member in vars(port).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            setattr(implementation, name, fault.around(name, getattr(implementation, name)))


def main() -> int:
    plan = json.loads(sys.argv[1])
    install(plan["layer"], Fault(plan["number"], plan["how"], Path(plan["log"]), plan.get("only", "")))
    from chargehand.doors.cli.main import main as command_line

    return command_line(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
