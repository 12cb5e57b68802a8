"""Our own log, on stderr: one JSON object a line with ``--log-json``, plain lines otherwise; only warnings unless more is asked.

What the engine does comes as events, and each becomes a record too. ``logging`` is imported when a log is wanted, not before.
"""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

    from chargehand.doors.cli.render.view import View
    from chargehand.engine.runner import Runner
    from chargehand.model.errors import ChargehandError
    from chargehand.model.facts import Event
    from chargehand.service.running import Report

LEVELS = ("debug", "info", "warning", "error")
_FIELDS = ("run", "task", "attempt")
_LOUD = frozenset({"task.failed", "task.needs_human"})
_TELLING = frozenset({"attempt.claimed", "attempt.ended", "task.landed", "task.reopened", "target.moved"})


def begin(*, level: str, as_json: bool) -> None:
    """Have everything that is logged below ``chargehand`` written to stderr, from ``level`` on."""
    import logging

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(as_json=as_json))
    logger = logging.getLogger("chargehand")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel((level or ("info" if as_json else "warning")).upper())


def in_json() -> bool:
    """Whether stderr is a stream of JSON, on which nothing else may be written."""
    return any(getattr(handler.formatter, "as_json", False) for handler in _handlers())


def _handlers() -> list[logging.Handler]:
    module = sys.modules.get("logging")
    return list(module.getLogger("chargehand").handlers) if module else []


def _formatter(*, as_json: bool) -> logging.Formatter:
    import logging

    from chargehand.model.redaction import Redactor
    from chargehand.process.transcript import clean
    from chargehand.service.status import stamp

    redactor = Redactor()

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            message = redactor.text(clean(record.getMessage()))
            trace = redactor.text(clean(self.formatException(record.exc_info))) if record.exc_info else ""
            told: dict[str, Any] = {
                "ts": stamp(getattr(record, "at", record.created)),
                "level": record.levelname.lower(),
                "logger": record.name,
                "event": getattr(record, "event", "log"),
                **{name: getattr(record, name, None) for name in _FIELDS},
                "message": message,
            }
            if as_json:
                return json.dumps(told | ({"trace": trace} if trace else {}))
            named = " ".join(f"{name}={told[name]}" for name in _FIELDS if told[name])
            head = f"{told['ts']} {told['level']} {told['event'] if told['event'] != 'log' else record.name}"
            return " ".join(part for part in (head, named, message) if part) + (f"\n{trace}" if trace else "")

    formatter = Formatter()
    formatter.as_json = as_json  # type: ignore[attr-defined]
    return formatter


def tell(error: ChargehandError) -> None:
    """An error as records: itself, and each of its problems."""
    import logging

    logger = logging.getLogger("chargehand.cli")
    for problem in error.problems:
        where = f"{problem.place()}: " if problem.place() else ""
        logger.log(logging.ERROR if problem.severity == "error" else logging.WARNING, "%s%s", where, problem.message)
    hint = f" (hint: {error.hint})" if error.hint else ""
    logger.error("%s%s", error.message, hint, extra={"event": f"error.{error.code}"})


def recorded(view: View) -> View:
    """``view``, with every event put on record too, if there is a log."""
    return _Recorded(view) if _handlers() else view


class _Recorded:
    def __init__(self, view: View) -> None:
        import logging

        self._view = view
        self._engine, self._cli = logging.getLogger("chargehand.engine"), logging.getLogger("chargehand.cli")

    def begin(self, runner: Runner) -> None:
        self._view.begin(runner)

    def hear(self, event: Event) -> None:
        self._view.hear(event)
        fact = event.fact
        kind = str(type(fact).__struct_config__.tag)
        level = _level(kind, getattr(fact, "level", ""))
        if self._engine.isEnabledFor(level):
            names = {"run": event.run, "task": getattr(fact, "task", None), "attempt": getattr(fact, "attempt", None) or None}
            self._engine.log(level, "%s", _message(event), extra={"event": kind, "at": event.at, **names})

    def say(self, place: str, message: str) -> None:
        if in_json():
            self._cli.warning("%s: %s", place, message)
        else:
            self._view.say(place, message)

    def note(self, message: str) -> None:
        if in_json():
            self._cli.info("%s", message)
        else:
            self._view.note(message)

    def close(self) -> None:
        self._view.close()

    def summary(self, report: Report) -> None:
        self._view.summary(report)


def _level(kind: str, notice: str) -> int:
    import logging

    if kind in _LOUD or notice == "warning":
        return logging.WARNING
    if notice == "error":
        return logging.ERROR
    if kind in _TELLING or notice or kind.startswith(("run.", "agent.", "budget.")):
        return logging.INFO
    return logging.DEBUG


def _message(event: Event) -> str:
    """The sentence for people; for events that have none, what they say of themselves."""
    import io

    import msgspec

    from chargehand.doors.cli.render.sentences import sentence

    said = sentence(event.fact, io.StringIO())
    if said:
        return said
    fields = {key: value for key, value in msgspec.to_builtins(event.fact).items() if key not in {"event", *_FIELDS}}
    return json.dumps(fields, ensure_ascii=False)
