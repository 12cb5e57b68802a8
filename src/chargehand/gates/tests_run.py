"""What the output of pytest or unittest says of the tests that ran."""

from __future__ import annotations

import re
from collections import Counter

_PYTEST_END = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?: [a-z]+)*(?:, )?)+) in [\d.]+s.*$", re.MULTILINE)
_PYTEST_COUNT = re.compile(r"(\d+) (failed|passed|skipped|xfailed|xpassed|errors?)\b")
_PYTEST_NONE = re.compile(r"^(?:=+ )?(?:collected 0 items\b|no tests ran\b|no tests collected\b)", re.MULTILINE)
_UNITTEST_END = re.compile(r"^Ran (\d+) tests? in [\d.]+s\n+(?:OK|FAILED|NO TESTS RAN)(?: \(([^)\n]*)\))?", re.MULTILINE)
_UNITTEST_NONE = re.compile(r"^Ran 0 tests in ", re.MULTILINE)
_UNITTEST_NAMES = {"failures": "failed", "errors": "error", "skipped": "skipped"}
_SHOWN = ("failed", "error", "passed", "skipped")


def counts(text: str) -> Counter[str]:
    """Tests by what became of them (``passed``, ``failed``, ``error``, ``skipped``, ``xfailed``, ``xpassed``), all runs added up.

    Empty when the text holds no summary of a kind we know.
    """
    found: Counter[str] = Counter()
    for line in _PYTEST_END.finditer(text):
        for number, name in _PYTEST_COUNT.findall(line[1]):
            found[name.removesuffix("s") if name == "errors" else name] += int(number)
    for run in _UNITTEST_END.finditer(text):
        passed = int(run[1])
        for name, number in re.findall(r"(\w+)=(\d+)", run[2] or ""):
            if name in _UNITTEST_NAMES:
                found[_UNITTEST_NAMES[name]] += int(number)
                passed -= int(number)
        found["passed"] += max(passed, 0)
    return found


def describe(tests: Counter[str]) -> str:
    """``2 failed, 10 passed``; empty when nothing is known."""
    return ", ".join(f"{tests[name]} {name}{'s' if name == 'error' and tests[name] > 1 else ''}" for name in _SHOWN if tests[name])


def none_ran(text: str) -> str:
    """Why no test was run, in words, when the output says so; otherwise empty. Skipped is not run."""
    if _PYTEST_NONE.search(text) or _UNITTEST_NONE.search(text):
        return "none was collected"
    tests = counts(text)
    if tests["skipped"] and not sum(number for name, number in tests.items() if name != "skipped"):
        return f"{tests['skipped']} skipped"
    return ""
