"""What JavaScript's, Ruby's and PHP's test programs say, and TAP."""

from __future__ import annotations

import re

from chargehand.gates.reports.counting import WORDS, each, named, total
from chargehand.model.work import Tests

_JEST = re.compile(r"^Tests:[ \t]+(.*\b\d+ total)[ \t]*$", re.MULTILINE)
_JEST_NAME = re.compile(r"^  ● (.*\S)$", re.MULTILINE)
_VITEST = re.compile(r"^[ \t]*Tests[ \t]+(\d.*)\(\d+\)[ \t]*$", re.MULTILINE)
_VITEST_NAME = re.compile(r"^[ \t]*(?:FAIL|❯ FAIL)[ \t]+(.* > .*\S)$", re.MULTILINE)
_NODE = re.compile(r"^(?:ℹ|#) (tests|pass|fail|cancelled|skipped|todo) (\d+)$", re.MULTILINE)
_NODE_NAME = re.compile(r"^[ \t]*(?:not ok \d+ - (.*\S)|✖ (.*\S) \([\d.]+ms\))$", re.MULTILINE)
_MOCHA = re.compile(r"^[ \t]+(\d+) (passing|failing|pending)\b", re.MULTILINE)
_BUN = re.compile(r"^[ \t]*(\d+) (pass|fail|skip|todo)$", re.MULTILINE)
_BUN_NAME = re.compile(r"^\(fail\) (.*?)(?: \[[\d.]+ms\])?$", re.MULTILINE)
_TAP = re.compile(r"^(ok|not ok)\b[ \t]*\d*[ \t]*-?[ \t]*([^#\n]*)(#[ \t]*(?:skip|todo)\b)?", re.MULTILINE | re.IGNORECASE)
_TAP_PLAN = re.compile(r"^1\.\.\d+", re.MULTILINE)


def node(text: str) -> Tests | None:
    """jest, vitest, node --test, mocha, bun."""
    return (
        each(_JEST, text, named(_JEST_NAME, text))
        or each(_VITEST, text, named(_VITEST_NAME, text))
        or _pairs([(word, number) for word, number in _NODE.findall(text) if word != "tests"], named(_NODE_NAME, text))
        or _pairs([(word, number) for number, word in _MOCHA.findall(text)], ())
        or _pairs([(word, number) for number, word in _BUN.findall(text)], named(_BUN_NAME, text))
    )


def _pairs(found: list[tuple[str, str]], names: tuple[str, ...]) -> Tests | None:
    if not found:
        return None
    sums = {"passed": 0, "failed": 0, "skipped": 0}
    for word, number in found:
        sums[WORDS[word]] += int(number)
    return Tests(sums["passed"], sums["failed"], sums["skipped"], names if sums["failed"] else ())


def tap(text: str) -> Tests | None:
    """The Test Anything Protocol, where nothing sums it up."""
    if not _TAP_PLAN.search(text) or _NODE.search(text):
        return None
    skipped = [name for _, name, left in _TAP.findall(text) if left]
    words = [(word, name.strip()) for word, name, left in _TAP.findall(text) if not left]
    failures = tuple(name for word, name in words if word.lower() == "not ok")
    return Tests(len(words) - len(failures), len(failures), len(skipped), failures)


_RSPEC = re.compile(
    r"^(?P<all>\d+) examples?, (?P<failed>\d+) failures?(?:, (?P<skipped>\d+) pending)?(?:, (?P<errors>\d+) errors?)?", re.MULTILINE
)
_RSPEC_NAME = re.compile(r"^rspec (\S+)", re.MULTILINE)
_MINITEST = re.compile(
    r"^(?P<all>\d+) (?:runs|tests), \d+ assertions, (?P<failed>\d+) failures, (?P<errors>\d+) errors"
    r", (?P<skipped>\d+) (?:skips|pendings)",
    re.MULTILINE,
)
_MINITEST_NAME = re.compile(r"^(?:Failure|Error):\n(\S+)", re.MULTILINE)


def ruby(text: str) -> Tests | None:
    return total(_RSPEC, text, named(_RSPEC_NAME, text)) or total(_MINITEST, text, named(_MINITEST_NAME, text))


_PHPUNIT_OK = re.compile(r"^OK \((?P<passed>\d+) tests?, \d+ assertions?\)", re.MULTILINE)
_PHPUNIT = re.compile(r"^Tests: (?P<all>\d+), Assertions: \d+(?P<rest>[^\n]*)", re.MULTILINE)
_PHPUNIT_PART = re.compile(r"(Errors|Failures|Skipped|Incomplete|Risky): (\d+)")
_PHPUNIT_NAME = re.compile(r"^\d+\) (\S+::\S+.*)$", re.MULTILINE)


def php(text: str) -> Tests | None:
    if found := total(_PHPUNIT_OK, text, ()):
        return found
    for match in _PHPUNIT.finditer(text):
        parts = {name: int(number) for name, number in _PHPUNIT_PART.findall(match["rest"])}
        failed = parts.get("Errors", 0) + parts.get("Failures", 0)
        skipped = parts.get("Skipped", 0) + parts.get("Incomplete", 0)
        return Tests(int(match["all"]) - failed - skipped, failed, skipped, named(_PHPUNIT_NAME, text) if failed else ())
    return None
