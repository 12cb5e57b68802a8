"""Adding up what the lines of a summary say."""

from __future__ import annotations

import re

from chargehand.model.work import Tests

WORDS = {
    **dict.fromkeys(["pass", "passed", "passing", "ok"], "passed"),
    **dict.fromkeys(["fail", "failed", "failing", "cancelled", "errored", "error", "timed out"], "failed"),
    **dict.fromkeys(["skip", "skipped", "pending", "todo", "ignored"], "skipped"),
}
_PAIR = re.compile(r"(\d+) ([a-z]+)")


def named(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    """What the pattern's group finds, once each, in order."""
    found = (next(filter(None, match.groups()), "") for match in pattern.finditer(text))
    return tuple(dict.fromkeys(name for name in found if name))


def total(pattern: re.Pattern[str], text: str, names: tuple[str, ...]) -> Tests | None:
    """The sum over all lines of such a summary. Its groups are ``passed`` or ``all``, ``failed``, ``errors`` and ``skipped``."""
    found: Tests | None = None
    for match in pattern.finditer(text):
        parts = {name: int(number) for name, number in match.groupdict().items() if number}
        failed, skipped = parts.get("failed", 0) + parts.get("errors", 0), parts.get("skipped", 0)
        passed = parts.get("passed", max(0, parts.get("all", 0) - failed - skipped))
        found = (found or Tests()) + Tests(passed, failed, skipped)
    return found and Tests(found.passed, found.failed, found.skipped, names if found.failed else ())


def each(pattern: re.Pattern[str], text: str, names: tuple[str, ...]) -> Tests | None:
    """The same where a line holds pairs of a number and a word, in any order."""
    found: Tests | None = None
    for match in pattern.finditer(text):
        sums = {"passed": 0, "failed": 0, "skipped": 0}
        for number, word in _PAIR.findall(match[1]):
            if word in WORDS:
                sums[WORDS[word]] += int(number)
        found = (found or Tests()) + Tests(sums["passed"], sums["failed"], sums["skipped"])
    return found and Tests(found.passed, found.failed, found.skipped, names if found.failed else ())
