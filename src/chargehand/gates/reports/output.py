"""What a gate's program printed of tests, whichever program it was."""

from __future__ import annotations

import re

from chargehand.gates.reports import compiled, listing, python, scripted
from chargehand.gates.tests_run import none_ran
from chargehand.model.work import Tests

_KINDS = (python.read, compiled.go, compiled.cargo, compiled.dotnet, compiled.jvm, scripted.node, scripted.ruby, scripted.php)
_MOST_NAMES = 500

_NOTHING = re.compile(
    r"^(?:No tests found, exiting with code \d|No test files found|No tests executed!|testing: warning: no tests to run"
    r"|No test is available in |.*\bNo tests to run\.|> Task \S*:test NO-SOURCE|error: no tests to run).*$",
    re.MULTILINE,
)

_RUN = r"^\s*(?:\w+=\S*\s+)*(?:(?:uv|poetry|pdm|pipenv|hatch|rye)\s+run\s+(?:-\S+\s+)*)?"
_MODULE = r"(?:\S*/)?python[\d.]*\s+(?:-\w\s+)*-m\s+"
_SAYS = (
    (
        re.compile(rf"{_RUN}(?:{_MODULE}|(?:\S*/)?)(?:pytest|py\.test)(?=\s|$)"),
        re.compile(r"\bin [\d.]+s\b|^(?:no tests ran|collected 0 items)", re.MULTILINE),
    ),
    (re.compile(rf"{_RUN}{_MODULE}unittest(?=\s|$)"), re.compile(r"^Ran \d+ tests? in ", re.MULTILINE)),
    (re.compile(r"^\s*cargo\s+test(?=\s|$)"), re.compile(r"^test result: ", re.MULTILINE)),
    (re.compile(r"^\s*go\s+test(?=\s|$)"), re.compile(r"^(?:ok|FAIL|\?|PASS)\b|^\{", re.MULTILINE)),
)
_PARTS = re.compile(r"[;&|()\n]+")
_QUIET = re.compile(
    r"[>]|\s-q\S*\s+-q|-qq|--quiet|--no-summary|--version|--help|--collect-only|--co\b|\|\s*(?:tail|head|grep)|no:terminal"
)


def read(text: str) -> Tests | None:
    """The sum over every program that told; None when none did."""
    whole: Tests | None = None
    for kind in _KINDS:
        if told := kind(text):
            whole = (whole or Tests()) + told
    whole = whole or scripted.tap(text)
    if whole is None:
        return None
    ids = whole.ids or listing.names(text, whole.collected)
    return Tests(whole.passed, whole.failed, whole.skipped, whole.failures[:_MOST_NAMES], ids)


def nothing_ran(text: str, tests: Tests | None) -> str:
    """Why no test was run, in words, as far as the output tells; otherwise empty. Skipped is not run."""
    if tests is not None and (tests.passed or tests.failed):
        return ""
    if found := none_ran(text):
        return found
    if tests is not None and tests.skipped:
        return f"{tests.skipped} skipped"
    return "none was collected" if tests is not None or _NOTHING.search(text) else ""


def cut_short(command: str, text: str) -> bool:
    """Whether a test program that always ends with a summary gave none: it did not come to its end."""
    parts = _PARTS.split(command)
    asked = [ends for used, ends in _SAYS if any(used.match(part) for part in parts)]
    return any(not ends.search(text) for ends in asked) and not _QUIET.search(command)


def describe(tests: Tests) -> str:
    """``2 failed, 10 passed``."""
    parts = ((tests.failed, "failed"), (tests.passed, "passed"), (tests.skipped, "skipped"))
    return ", ".join(f"{number} {word}" for number, word in parts if number)
