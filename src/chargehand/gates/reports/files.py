"""Reports that a gate's program writes into the checkout: JUnit XML and SARIF.

They are written by what agents wrote, so they may hold anything: a document type is refused (its entities could grow without
end), size and number are bounded, and a link that leads out of the checkout is not followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from chargehand.model.work import Tests

_LARGEST = 64 * 1024 * 1024
_MOST = 2000
_NAME = 300


class Unreadable(Exception):
    """Why a report cannot be read."""


def found(checkout: Path, glob: str) -> Iterator[Path]:
    """Files of the checkout that are matched, at most 2,000."""
    root = checkout.resolve()
    try:
        for number, path in enumerate(sorted(checkout.glob(glob.removeprefix("./")))):
            if number >= _MOST:
                return
            if path.is_file() and path.resolve().is_relative_to(root):
                yield path
    except (ValueError, NotImplementedError, OSError):
        return


def clear(checkout: Path, glob: str) -> None:
    """Remove reports that were committed: only one that is written now counts."""
    for path in list(found(checkout, glob)):
        path.unlink(missing_ok=True)


def read(checkout: Path, glob: str) -> Tests | None:
    """The sum of all reports; None when there is none. Raises :class:`Unreadable`."""
    whole: Tests | None = None
    for path in found(checkout, glob):
        if path.stat().st_size > _LARGEST:
            raise Unreadable(f"{path.name} is larger than {_LARGEST // 1024 // 1024} MB")
        whole = (whole or Tests()) + parse(path.read_bytes(), path.name)
    return whole


def parse(data: bytes, name: str = "the report") -> Tests:
    """One report. Raises :class:`Unreadable`."""
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):
        return _junit(text, name)
    if text.startswith(b"{"):
        return _sarif(text, name)
    raise Unreadable(f"{name} is neither JUnit XML nor SARIF")


class _JUnit:
    def __init__(self) -> None:
        self.cases = [0, 0, 0]
        self.suites = [0, 0, 0]
        self.failures: list[str] = []
        self.ids: list[str] = []
        self._name, self._word = "", 0
        self._depth = 0

    def start(self, tag: str, given: dict[str, str]) -> None:
        self._depth += 1
        match tag.rpartition(":")[2]:
            case "testsuite" if given.get("tests", "").isdigit():
                failed, skipped = _number(given, "failures") + _number(given, "errors"), _number(given, "skipped")
                one = (max(0, _number(given, "tests") - failed - skipped), failed, skipped)
                self.suites = [a + b for a, b in zip(self.suites, one, strict=True)]
            case "testcase":
                self._name, self._word = f"{given.get('classname', '')}.{given.get('name', '')}".strip(".")[:_NAME], 0
            case "failure" | "error":
                self._word = 1
            case "skipped" if self._word != 1:
                self._word = 2

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag.rpartition(":")[2] == "testcase":
            self.cases[self._word] += 1
            self.ids.append(self._name)
            if self._word == 1:
                self.failures.append(self._name)
            self._word = 0


def _number(given: dict[str, str], name: str) -> int:
    text = given.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _refuse(*_: object) -> None:
    raise Unreadable("it declares a document type, which is refused")


def _junit(data: bytes, name: str) -> Tests:
    parser, seen = expat.ParserCreate(), _JUnit()
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = seen.start, seen.end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable(f"{name}: {error}") from None
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None
    passed, failed, skipped = seen.cases if any(seen.cases) else seen.suites
    return Tests(passed, failed, skipped, tuple(seen.failures), tuple(seen.ids))


def _sarif(data: bytes, name: str) -> Tests:
    """Every result of level error that is neither old nor suppressed is a failure; others do not count."""
    try:
        whole = json.loads(data)
        failures = tuple(_told(result) for run in whole["runs"] for result in run.get("results") or () if _weighs(result))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise Unreadable(f"{name} is no SARIF") from None
    return Tests(0 if failures else 1, len(failures), 0, failures)


def _weighs(result: dict[str, Any]) -> bool:
    return (
        result.get("level", "warning") == "error"
        and not result.get("suppressions")
        and result.get("baselineState") not in ("unchanged", "absent")
    )


def _told(result: dict[str, Any]) -> str:
    where: list[dict[str, Any]] = result.get("locations") or [{}]
    place = where[0].get("physicalLocation", {})
    file = place.get("artifactLocation", {}).get("uri", "")
    return f"{result.get('ruleId', '')} {file}"[:_NAME].strip()
