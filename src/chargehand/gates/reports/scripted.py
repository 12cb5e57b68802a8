"""What JavaScript's, Ruby's and PHP's test programs say, and TAP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chargehand.gates.reports.counting import WORDS, each, named, total
from chargehand.model.patterns import later
from chargehand.model.work import Tests

_JEST = later(r"^Tests:[ \t]+(.*\b\d+ total)[ \t]*$", re.MULTILINE)
_JEST_NAME = later(r"^  ● (.*\S)$", re.MULTILINE)
_VITEST = later(r"^[ \t]*Tests[ \t]+(\d.*)\(\d+\)[ \t]*$", re.MULTILINE)
_VITEST_NAME = later(r"^[ \t]*(?:FAIL|❯ FAIL)[ \t]+(.* > .*\S)$", re.MULTILINE)
_NODE = later(r"^(?:ℹ|#) (tests|pass|fail|cancelled|skipped|todo)[ \t]+(\d+)$", re.MULTILINE)
_NODE_NAME = later(r"^[ \t]*✖ (.*\S) \([\d.]+ms\)$", re.MULTILINE)
_MOCHA = later(r"^[ \t]+(\d+) (passing|failing|pending)\b", re.MULTILINE)
_MOCHA_NAME = later(r"^  \d+\) (\S.*)\n((?: {5,}\S.*\n){0,9}? {5,}\S.*):$", re.MULTILINE)
_BUN = later(r"^[ \t]*(\d+) (pass|fail|skip|todo)$", re.MULTILINE)
_BUN_NAME = later(r"^\(fail\) (.*?)(?: \[[\d.]+ms\])?$", re.MULTILINE)
_TAP = later(
    r"^(?:# (?!Subtest:|(?:tests|pass|fail|skip|todo|ok)\b)(?P<about>\S.*)"
    r"|(?P<in>[ \t]*)(?P<word>ok|not ok)\b[ \t]*\d*[ \t]*-?[ \t]*(?P<name>[^#\n]*)(?P<left>#[ \t]*(?:skip|todo)\b)?)",
    re.MULTILINE | re.IGNORECASE,
)
_TAP_PLAN = later(r"^1\.\.\d+", re.MULTILINE)


def node(text: str) -> Tests | None:
    """jest, vitest, node --test, mocha, bun."""
    return (
        each(_JEST, text, named(_JEST_NAME, text))
        or each(_VITEST, text, named(_VITEST_NAME, text))
        or _pairs([(word, number) for word, number in _NODE.findall(text) if word != "tests"], _node_names(text))
        or _pairs([(word, number) for number, word in _MOCHA.findall(text)], _mocha_names(text))
        or _pairs([(word, number) for number, word in _BUN.findall(text)], named(_BUN_NAME, text))
    )


def _mocha_names(text: str) -> tuple[str, ...]:
    found = (" > ".join([head, *(line.strip() for line in rest.split("\n"))]) for head, rest in _MOCHA_NAME.findall(text))
    return tuple(dict.fromkeys(found))


def _node_names(text: str) -> tuple[str, ...]:
    failed = (line.name for line in tap_lines(text, deep=True) if line.word == "not ok" and not line.left)
    return named(_NODE_NAME, text) or tuple(dict.fromkeys(failed))


def _pairs(found: list[tuple[str, str]], names: tuple[str, ...]) -> Tests | None:
    if not found:
        return None
    sums = {"passed": 0, "failed": 0, "skipped": 0}
    for word, number in found:
        sums[WORDS[word]] += int(number)
    return Tests(sums["passed"], sums["failed"], sums["skipped"], names if sums["failed"] else ())


class TapLine(NamedTuple):
    """One line of the Test Anything Protocol. ``word`` is ok or not ok, ``left`` that it was skipped or is to do; ``name`` begins
    with what a remark before it says it is about, as tape writes them."""

    word: str
    name: str
    left: bool


def tap_lines(text: str, *, deep: bool = False) -> Iterator[TapLine]:
    """``deep``: those of tests within tests too."""
    about = ""
    for match in _TAP.finditer(text):
        if match["about"]:
            about = match["about"].strip()
        elif deep or not match["in"]:
            name = match["name"].strip()
            yield TapLine(match["word"].lower(), f"{about} > {name}" if about else name, bool(match["left"]))


def tap(text: str) -> Tests | None:
    """The Test Anything Protocol, where nothing sums it up."""
    if not _TAP_PLAN.search(text) or _NODE.search(text):
        return None
    lines = list(tap_lines(text))
    ran = [line for line in lines if not line.left]
    failures = tuple(line.name for line in ran if line.word == "not ok")
    return Tests(len(ran) - len(failures), len(failures), len(lines) - len(ran), failures)


_RSPEC = later(
    r"^(?P<all>\d+) examples?, (?P<failed>\d+) failures?(?:, (?P<skipped>\d+) pending)?(?:, (?P<errors>\d+) errors?)?", re.MULTILINE
)
_RSPEC_NAME = later(r"^rspec (\S+)", re.MULTILINE)
_MINITEST = later(
    r"^(?P<all>\d+) (?:runs|tests), \d+ assertions, (?P<failed>\d+) failures, (?P<errors>\d+) errors"
    r", (?P<skipped>\d+) (?:skips|pendings)",
    re.MULTILINE,
)
_MINITEST_NAME = later(r"^ {0,4}(?:\d+\) )?(?:Failure|Error):\n(\S+)", re.MULTILINE)


def ruby(text: str) -> Tests | None:
    return total(_RSPEC, text, named(_RSPEC_NAME, text)) or total(_MINITEST, text, named(_MINITEST_NAME, text))


_PHPUNIT_OK = later(r"^OK \((?P<passed>\d+) tests?, \d+ assertions?\)", re.MULTILINE)
_PHPUNIT = later(r"^Tests: (?P<all>\d+), Assertions: \d+(?P<rest>[^\n]*)", re.MULTILINE)
_PHPUNIT_PART = later(r"(Errors|Failures|Skipped|Incomplete|Risky): (\d+)")
_PHPUNIT_NAME = later(r"^\d+\) (\S+::\S+.*)$", re.MULTILINE)


def php(text: str) -> Tests | None:
    if found := total(_PHPUNIT_OK, text, ()):
        return found
    for match in _PHPUNIT.finditer(text):
        parts = {name: int(number) for name, number in _PHPUNIT_PART.findall(match["rest"])}
        failed = parts.get("Errors", 0) + parts.get("Failures", 0)
        skipped = parts.get("Skipped", 0) + parts.get("Incomplete", 0)
        return Tests(int(match["all"]) - failed - skipped, failed, skipped, named(_PHPUNIT_NAME, text) if failed else ())
    return None
