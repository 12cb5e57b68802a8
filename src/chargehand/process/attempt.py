"""One program under supervision, from its start until nothing is left of it. Runs inside the shim."""
# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH112

from __future__ import annotations

import errno
import os
import signal
import time

from chargehand.process import tree
from chargehand.process.channel import Channel
from chargehand.process.crowd import Crowd
from chargehand.process.news import News
from chargehand.process.progress import Progress
from chargehand.process.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MARKER = "CHARGEHAND_LAUNCH"
"""The environment variable by which a program started for a launch can be told from all others; its value is the directory."""

LEFTOVER_GRACE = 2.0
"""Seconds what outlived its program gets from TERM to KILL, at most."""

_DEFAULTS = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)
_KILL_PAUSE = 0.05
_KILL_PATIENCE = 10.0


class Attempt:
    """Runs a launch (the fields of ``ports.Launch``); ``run`` returns those of ``model.work.Exit``."""

    def __init__(self, launch: dict[str, Any], channel: Channel) -> None:
        self.stuck = False
        self._launch = launch
        self._channel = channel
        self._pid = 0
        self._status: int | None = None
        self._gone = False
        self._cause = "exited"
        self._leftovers = 0
        self._errors: list[str] = []
        self._kill_at: float | None = None
        self._give_up_at: float | None = None
        self._spools: list[Spool] = []
        self._open: dict[int, Spool | News] = {}
        self._news: News | None = None
        self._heard = self._began = self._began_wall = 0.0
        self._progress = Progress(launch["cwd"])
        self._crowd = Crowd(launch["processes"], time.monotonic())

    def run(self, record: int) -> dict[str, Any]:
        """Start the program, note it in the file ``record``, stay until it and all it started are gone."""
        self._began_wall = time.time()
        before = tree.ticks()
        try:
            if self._channel.cancelled:
                self._cause = "cancelled"
            else:
                self._start()
        except (OSError, ValueError) as problem:
            self._cause = "not_started"
            self._errors.append(str(problem))
        if self._pid:
            self._began = self._heard = time.monotonic()
            self._note(record, before)
            self._watch()
        for pipe in self._open:
            self._channel.ignore(pipe)
        for spool in self._spools:
            spool.finish()
        if self._news:
            self._conclude(self._news)
        os.chdir("/")
        return self._result()

    def _start(self) -> None:
        launch = self._launch
        os.chdir(launch["cwd"])
        program = find_program(launch["argv"][0], launch["env"].get("PATH", os.defpath))
        stdin = os.open(launch["stdin"] or os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        ends = []
        try:
            for name in ("stdout", "stderr"):
                pipe, end = os.pipe()
                os.set_blocking(pipe, False)
                ends.append(end)
                self._spools.append(Spool(pipe, f"{launch['directory']}/{name}.log", launch["output_cap"]))
            if launch["caged"]:
                self._news = News()
                ends.append(self._news.end)
            # Not subprocess: it costs four milliseconds to import, and cannot undo the signals the shim ignores.
            self._pid = os.posix_spawn(
                program,
                launch["argv"],
                {**launch["env"], MARKER: launch["directory"]},
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((stdin, *ends))],
                setsid=True,
                setsigmask=(),
                setsigdef=_DEFAULTS,
            )
        finally:
            for fd in (stdin, *ends):
                os.close(fd)
        self._open = {spool.pipe: spool for spool in self._spools}
        if self._news:
            self._open[self._news.pipe] = self._news
        for pipe in self._open:
            self._channel.watch(pipe)

    def _note(self, record: int, before: int) -> None:
        # When it started lies between the two. To ask the kernel would mean to wait for the end of its execve.
        note = b'{"child": %d, "born_after": %d, "born_before": %d}\n' % (self._pid, before, tree.ticks())
        try:
            os.write(record, note)
        except OSError as problem:
            self._errors.append(f"the record of the launch is incomplete: {problem.strerror}")

    def _watch(self) -> None:
        while not self._gone:
            for pipe in self._channel.wait(self._patience()):
                self._hear(pipe)
            self._reap()
            if not self._gone:
                self._decide(time.monotonic())

    def _patience(self) -> float | None:
        """Seconds until something is due; None when nothing is."""
        if self._kill_at is not None:
            due = [self._kill_at]
        else:
            launch = self._launch
            due = [self._began + launch["timeout_s"]] if launch["timeout_s"] else []
            due += [self._heard + launch["stall_s"]] if launch["stall_s"] else []
            due += self._crowd.due
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _hear(self, pipe: int) -> None:
        if self._open[pipe].take():
            self._heard = time.monotonic()
        else:
            del self._open[pipe]
            self._channel.ignore(pipe)
        if self._news:
            self._note_end(self._news.status)

    def _reap(self) -> None:
        """Collect the dead. As the subreaper we are the ancestor of all that live: no child left means no descendant left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if pid == self._pid:
                    if self._news:
                        self._news.take()
                        self._note_end(self._news.status)
                    self._note_end(status)
        except ChildProcessError:
            self._gone = True
            if not tree.SEES_ALL:
                tree.send([-self._pid], signal.SIGKILL)

    def _note_end(self, status: int | None) -> None:
        """The program has ended; what of it lives on is counted now."""
        if status is not None and self._status is None:
            self._status = status
            # A cage and the first process in it are there to the end.
            mine = [process for process in self._descendants() if self._pid not in (process.pid, process.parent)]
            self._leftovers = sum(not process.dead for process in mine)

    def _conclude(self, news: News) -> None:
        """What a cage told last."""
        news.close()
        if self._cause == "exited" and not news.running:
            self._cause = "not_started"
            self._status = None
            self._errors.append(news.error or f"the cage could not be made: {_last_words(self._launch['directory'])}")

    def _descendants(self) -> list[tree.Process]:
        return tree.descendants([os.getpid()], tree.processes())

    def _decide(self, now: float) -> None:
        launch = self._launch
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._kill(now)
        elif self._status is not None:
            self._end("exited", min(launch["kill_s"], LEFTOVER_GRACE), now)
        elif self._channel.cancelled:
            self._end("cancelled", launch["kill_s"], now)
        elif launch["timeout_s"] and now >= self._began + launch["timeout_s"]:
            self._end("timeout", launch["kill_s"], now)
        elif self._crowd.too_many(now, lambda: len(self._descendants())):
            self._errors.append(f"ended because it had more than {launch['processes']} processes")
            self._end("exited", 0.0, now)
        elif launch["stall_s"] and now >= self._heard + launch["stall_s"] and not self._files_changed(now):
            self._end("stall", launch["kill_s"], now)

    def _files_changed(self, now: float) -> bool:
        """Whether silent work was done; if so its moment counts as the last sign of life."""
        self._heard = max(self._heard, self._progress.last())
        return bool(now < self._heard + self._launch["stall_s"])

    def _end(self, cause: str, grace: float, now: float) -> None:
        self._cause = cause
        self._kill_at = now + grace
        self._give_up_at = self._kill_at + _KILL_PATIENCE
        # The cage stays until the program in it has had its time to end: without it, it would be killed at once.
        cage = self._pid if self._news and self._news.running else 0
        tree.terminate(pid for pid in self._targets() if pid != cage)

    def _kill(self, now: float) -> None:
        if self._give_up_at is not None and now >= self._give_up_at:
            self._gone = self.stuck = True
            self._errors.append(f"{len(self._targets())} processes could not be ended")
            return
        if self._news:
            tree.send([self._pid], signal.SIGKILL)  # with the first process of a namespace the kernel ends all others
        tree.kill(self._targets)
        self._kill_at = now + _KILL_PAUSE

    def _targets(self) -> list[int]:
        return [process.pid for process in self._descendants()] if tree.SEES_ALL else [-self._pid]

    def _result(self) -> dict[str, Any]:
        code = None if self._status is None else os.waitstatus_to_exitcode(self._status)
        stdout, stderr = [*self._spools, None, None][:2]
        return {
            "cause": self._cause,
            "code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "started_at": self._began_wall,
            "ended_at": time.time(),
            "stdout_bytes": stdout.total if stdout else 0,
            "stderr_bytes": stderr.total if stderr else 0,
            "truncated": any(spool.dropped for spool in self._spools),
            "leftovers": self._leftovers,
            "error": "; ".join([*self._errors, *(spool.error for spool in self._spools if spool.error)]),
        }


def _last_words(directory: str) -> str:
    """The last line a cage wrote before it failed."""
    try:
        return tree.read(f"{directory}/stderr.log")[-1000:].decode(errors="replace").strip().split("\n")[-1]
    except OSError:
        return "it did not say why"


def find_program(name: str, path: str) -> str:
    """The file to execute, looked for in the program's own PATH. Raises OSError."""
    if "/" in name:
        return name
    candidates = [f"{folder or '.'}/{name}" for folder in path.split(os.pathsep)]
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    problem = errno.EACCES if any(map(os.path.exists, candidates)) else errno.ENOENT
    raise OSError(problem, os.strerror(problem), name)
