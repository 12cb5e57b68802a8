"""What go, cargo, dotnet, maven and gradle say."""

from __future__ import annotations

import json
import re

from chargehand.gates.reports.counting import each, named, total
from chargehand.model.patterns import later
from chargehand.model.work import Tests

_GO_TEST = later(r"^--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
_GO_PACKAGE = later(r"^(ok|FAIL)[ \t]+([\w./~-]+)[ \t]+(?:\(cached\)|[\d.]+s|\[[^\]\n]*\])(.*)$", re.MULTILINE)
_GO_JSON = later(r'^\{.*"Action":"(?:pass|fail|skip)".*\}$', re.MULTILINE)


def go(text: str) -> Tests | None:
    """By test where they are listed, else by package."""
    if events := _GO_JSON.findall(text):
        return _go_json(events)
    tests = _GO_TEST.findall(text)
    packages = [(word, name, rest) for word, name, rest in _GO_PACKAGE.findall(text) if "no test files" not in rest]
    if not tests and not packages:
        return None
    failures = [name for word, name in tests if word == "FAIL"]
    listed = [word for word, _ in tests if word != "FAIL"]
    failures += [name for word, name, _ in packages if word == "FAIL"] if not failures else []
    if listed:
        return Tests(listed.count("PASS"), len(failures), listed.count("SKIP"), tuple(failures))
    well = [name for word, name, rest in packages if word == "ok" and "no tests to run" not in rest]
    return Tests(len(well), len(failures), 0, tuple(failures))


def _go_json(lines: list[str]) -> Tests | None:
    words: dict[str, list[str]] = {"pass": [], "fail": [], "skip": []}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("Test") and event.get("Action") in words:
            words[event["Action"]].append(f"{event.get('Package', '')}.{event['Test']}")
    every = tuple(name for names in words.values() for name in names)
    return Tests(len(words["pass"]), len(words["fail"]), len(words["skip"]), tuple(words["fail"]), every)


_CARGO = later(r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed; (?P<skipped>\d+) ignored;", re.MULTILINE)
_CARGO_NAME = later(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", re.MULTILINE)
_NEXTEST = later(r"^\s*Summary \[[^\]\n]*\]\s+\d+ tests? run: (.*)$", re.MULTILINE)
_NEXTEST_NAME = later(r"^\s+FAIL \[[^\]\n]*\]\s+(?:\([^)\n]*\)\s+)?(\S+ \S+)", re.MULTILINE)


def cargo(text: str) -> Tests | None:
    found = total(_CARGO, text, named(_CARGO_NAME, text))
    return found or each(_NEXTEST, text, named(_NEXTEST_NAME, text))


_DOTNET = later(
    r"^\s*(?:Passed!|Failed!)\s+- Failed:\s+(?P<failed>\d+), Passed:\s+(?P<passed>\d+), Skipped:\s+(?P<skipped>\d+)", re.MULTILINE
)
_DOTNET_NAME = later(r"^\s+Failed (\S.*?) \[[^\]\n]*\]$", re.MULTILINE)


def dotnet(text: str) -> Tests | None:
    return total(_DOTNET, text, named(_DOTNET_NAME, text))


_MAVEN = later(
    r"^(?:\[\w+\] )?Tests run: (?P<all>\d+), Failures: (?P<failed>\d+), Errors: (?P<errors>\d+), Skipped: (?P<skipped>\d+)[ \t]*$",
    re.MULTILINE,
)
_MAVEN_NAME = later(r"^\[ERROR\]   (?:\w+\()?([A-Za-z_][\w.$]*\.\w+)", re.MULTILINE)
_GRADLE = later(r"^(?P<all>\d+) tests? completed(?:, (?P<failed>\d+) failed)?(?:, (?P<skipped>\d+) skipped)?[ \t]*$", re.MULTILINE)
_GRADLE_NAME = later(r"^(\S+ > .+?) FAILED$", re.MULTILINE)


def jvm(text: str) -> Tests | None:
    return total(_MAVEN, text, named(_MAVEN_NAME, text)) or total(_GRADLE, text, named(_GRADLE_NAME, text))
