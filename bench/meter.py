"""What a command costs with everything it starts, and how several are compared in one run. The other files here use it."""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

from chargehand.process import tree

CHARGEHAND = (sys.executable, "-m", "chargehand")

# A daemon that burns CPU where neither its parent nor its session can be asked about it.
_DETACHED = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        end = time.process_time() + float(sys.argv[1])
        while time.process_time() < end:
            pass
    os._exit(0)
"""


class Cost(NamedTuple):
    """``cpu`` and ``wall`` in seconds; ``peak`` is the largest process of the tree in MB."""

    cpu: float
    wall: float
    peak: float


class TooLong(Exception):
    """A command that did not end in time; all it had started is gone."""


class Failed(Exception):
    """A command that did not do what was to be measured."""


def measure(argv: Sequence[str], cwd: Path, *, limit: float, env: Mapping[str, str] | None = None, code: int | None = 0) -> Cost:
    """Run a command until nothing of it is left, detached processes included: orphans fall to us, and we wait for each.

    The cost is the sum over all of them of what the kernel charged them and the children they waited for. ``limit`` in seconds.
    """
    assert tree.become_subreaper(), "needs Linux"
    signal.signal(signal.SIGALRM, _ring)
    log = cwd / ".bench.log"
    cpu = peak = 0.0
    status = 0
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env or bare_environment(cwd),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            while True:
                pid, ended, used = os.wait4(-1, 0)
                cpu += used.ru_utime + used.ru_stime
                peak = max(peak, used.ru_maxrss / 1024)
                if pid == process.pid:
                    status = process.returncode = os.waitstatus_to_exitcode(ended)
        except ChildProcessError:
            wall = time.perf_counter() - began
        except TimeoutError:
            _end_all()
            process.returncode = -signal.SIGKILL
            raise TooLong(f"{argv[0]} took longer than {limit:.0f} s") from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    if code is not None and status != code:
        raise Failed(f"{' '.join(argv)[:200]}: exit code {status}\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(cpu, wall, peak)


def _ring(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutError


def _end_all() -> None:
    me = os.getpid()
    tree.kill(lambda: [process.pid for process in tree.descendants([me], tree.processes()) if not process.dead])
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def bare_environment(home: Path) -> dict[str, str]:
    """What a measured command is told: nothing of the user's settings, so that two runs measure the same."""
    env = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in os.environ}
    identity = {f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return env | identity | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".none"), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}


def where() -> Path:
    """Where to measure: TMPDIR if it is set, else in memory where that can be had. A disk adds what its other users are doing."""
    memory = Path("/dev/shm")
    return memory if "TMPDIR" not in os.environ and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def own_peak() -> float:
    """Our own size in MB: a child is charged with it until it becomes its own program, so less cannot be told."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prove_all_is_counted(cwd: Path) -> str:
    """Burn a known amount of CPU in a detached process, and look whether it was charged. Says so in a line, or raises Failed."""
    burnt = 0.3
    seen = measure([sys.executable, "-I", "-S", "-c", _DETACHED, str(burnt)], cwd, limit=30)
    if not burnt <= seen.cpu < 2 * burnt:
        raise Failed(f"a detached process burnt {burnt} s and {seen.cpu:.3f} s were counted")
    return f"Counting checked: a detached process burnt {burnt:.2f} s of CPU, {seen.cpu:.2f} s were counted."


class Rounds:
    """Costs by contender, taken in turns so that all see the same machine, until the rounds or the time are used up."""

    def __init__(self, rounds: int, seconds: float) -> None:
        self.costs: dict[str, list[Cost]] = {}
        self.problems: dict[str, str] = {}
        self._rounds = rounds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return max(1.0, self._end - time.monotonic())

    def go(self, contenders: Mapping[str, Callable[[float], Cost]]) -> None:
        """Each contender is given the seconds that are left. One that failed is left out from then on."""
        for number in range(self._rounds):
            for name, contender in contenders.items():
                if name in self.problems or (number and self.left <= 1.0):
                    continue
                try:
                    self.costs.setdefault(name, []).append(contender(self.left))
                except (TooLong, Failed) as problem:
                    self.problems[name] = str(problem)

    def middle(self, name: str) -> Cost | None:
        """The median of each figure (of the peak: the largest); None when there is none."""
        if not (costs := self.costs.get(name)):
            return None
        cpu, wall = (statistics.median(getattr(cost, field) for cost in costs) for field in ("cpu", "wall"))
        return Cost(cpu, wall, max(cost.peak for cost in costs))

    def least(self, name: str) -> Cost | None:
        """The minimum of each figure."""
        if not (costs := self.costs.get(name)):
            return None
        return Cost(*(min(getattr(cost, field) for cost in costs) for field in Cost._fields))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned to be read as it is: the first column to the left, the others to the right."""
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]) + " |"

    rule = "|" + "|".join([f"{'-' * (widths[0] + 2)}", *(f"{'-' * (width + 1)}:" for width in widths[1:])]) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def machine() -> str:
    """What the figures were taken on, in words."""
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {version}, in {where()}"
