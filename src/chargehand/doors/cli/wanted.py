"""Writes the logs and the summary that a spec wants of a run: the same as ``chargehand logs`` and ``--summary`` give."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from chargehand.doors.cli.render.files import write_whole
from chargehand.model.errors import ChargehandError
from chargehand.model.facts import AttemptExited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chargehand.model.facts import Event
    from chargehand.model.task import Spec
    from chargehand.service.project import Project

MOST = 5_000_000
"""Bytes of a transcript, the last ones: a log is for reading."""


class WantedFiles:
    """Hears the run. Each log is written when an attempt has ended, beside the engine; one that cannot be is told of once."""

    def __init__(self, project: Project, spec: Spec, note: Callable[[str], None]) -> None:
        from chargehand.service import wanted

        self._project, self._spec, self._note = project, spec, note
        self._logs = wanted.logs(spec)
        self._beside: ThreadPoolExecutor | None = None
        self._told: set[str] = set()

    def hear(self, event: Event) -> None:
        fact = event.fact
        if not isinstance(fact, AttemptExited) or fact.task not in self._logs:
            return
        self._beside = self._beside or ThreadPoolExecutor(max_workers=1)
        path = self._logs[fact.task].replace("{run_id}", event.run)
        self._beside.submit(self._log, fact.task, path)

    def close(self) -> None:
        """Everything is written when this returns."""
        if self._beside:
            self._beside.shutdown()

    def summary(self) -> None:
        """At the end of a run."""
        from chargehand.doors.cli.render.report_files import markdown
        from chargehand.service import wanted
        from chargehand.service.results import outcomes

        if path := wanted.summary(self._project, self._spec):
            self._write(path, lambda: markdown(outcomes(self._project)))

    def _log(self, task: str, path: str) -> None:
        self._write(path, lambda: _transcript(self._project, task))

    def _write(self, path: str, text: Callable[[], str]) -> None:
        from chargehand.service import wanted

        try:
            place, why = wanted.place(self._project, path)
            if place is not None:
                write_whole(place, text())
        except (ChargehandError, OSError) as error:
            why = str(error)
        if why and path not in self._told:
            self._told.add(path)
            self._note(f"{path} is not written: {why}")


def _transcript(project: Project, task: str) -> str:
    """What the newest attempt said, as ``chargehand logs`` shows it; what it said on stderr below."""
    from chargehand.doors.cli.render.signals import Teller
    from chargehand.process.transcript import tail
    from chargehand.service.inspect import transcript
    from chargehand.service.listening import voice

    attempt, folder = transcript(project, task, None)
    out = io.StringIO()
    heard, teller = voice(project, attempt["id"], attempt["agent"]), Teller(out)
    skipped = _skipped(folder / "stdout.log")
    for piece in _pieces(folder / "stdout.log", skipped):
        for signal in heard.feed(piece):
            teller.tell(signal)
    for signal in heard.rest():
        teller.tell(signal)
    head = f"(the first {skipped:,} bytes are left out: chargehand logs {task})\n" if skipped else ""
    said = tail(folder / "stderr.log", MOST)
    return head + out.getvalue() + said


def _skipped(path: Path) -> int:
    """How many bytes are left out, so that the last ``MOST`` stay."""
    return max(0, path.stat().st_size - MOST) if path.exists() else 0


def _pieces(path: Path, start: int) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            file.seek(start)
            while piece := file.read(1 << 18):
                yield piece
