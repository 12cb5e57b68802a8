"""What pytest and unittest say."""

from __future__ import annotations

import re

from chargehand.gates.tests_run import counts
from chargehand.model.work import Tests

_PYTEST_NAME = re.compile(r"^(?:FAILED|ERROR) ((?!\()[^\s].*?)(?: - .*)?$", re.MULTILINE)
_UNITTEST_NAME = re.compile(r"^(?:FAIL|ERROR): (\S+) \(([^()\n]*)\)", re.MULTILINE)


def read(text: str) -> Tests | None:
    found = counts(text)
    if not found:
        return None
    names = [match[1] for match in _PYTEST_NAME.finditer(text) if "::" in match[1] or match[1].endswith(".py")]
    names += [f"{match[2]}.{match[1]}" if match[1] not in match[2] else match[2] for match in _UNITTEST_NAME.finditer(text)]
    return Tests(
        passed=found["passed"] + found["xfailed"] + found["xpassed"],
        failed=found["failed"] + found["error"],
        skipped=found["skipped"],
        failures=tuple(dict.fromkeys(names)),
    )
