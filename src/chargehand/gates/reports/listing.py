"""The names of all tests that ran, where a program lists them one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from chargehand.gates.reports.scripted import tap_lines

_WORDS = "PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR"
_FORMS = (
    re.compile(rf"^(?:\[gw\d+\] )?(\S+\.py::.{{1,300}}?) (?:{_WORDS})\b", re.MULTILINE),  # pytest -v
    re.compile(rf"^\[gw\d+\] \[ *\d+%\] (?:{_WORDS}) (\S+\.py::.{{1,300}}?) *$", re.MULTILINE),  # with pytest-xdist
    re.compile(r"^\w+ \(([\w.]+)\)(?:\n[^\n]+)? \.\.\. (?:ok|FAIL|ERROR|skipped|expected failure)\b", re.MULTILINE),  # unittest -v
    re.compile(r"^--- (?:PASS|FAIL|SKIP): (\S+)", re.MULTILINE),  # go test -v
    re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (?:ok|FAILED|ignored)\b", re.MULTILINE),  # cargo test
    re.compile(r"^\((?:pass|fail|skip|todo)\) (.{1,300}?)(?: \[[\d.]+ms\])?$", re.MULTILINE),  # bun
)
_NODE = re.compile(r"^[ \t]*[✔✖﹣] (.{1,300}?) \([\d.]+ms\)", re.MULTILINE)
_SUITE = re.compile(r"^[ \t]*▶ (.{1,300}?)$", re.MULTILINE)


def names(text: str, collected: int) -> tuple[str, ...]:
    """The names of ``collected`` tests; nothing when the text does not list exactly so many."""
    return next((found for found in _found(text) if len(found) == collected), ()) if collected else ()


def _found(text: str) -> Iterator[tuple[str, ...]]:
    for form in _FORMS:
        found = form.findall(text)
        yield tuple(dict.fromkeys(found)) if form in _FORMS[:2] else tuple(found)
    yield tuple(line.name for line in tap_lines(text))
    yield _node(text)


def _node(text: str) -> tuple[str, ...]:
    """Of node --test: not the suites, which are announced before their tests, and not the failures, which are told once more."""
    listed = text.partition("\nℹ tests ")[0]
    suites, found = Counter(_SUITE.findall(listed)), []
    for name in _NODE.findall(listed):
        if suites[name]:
            suites[name] -= 1
        else:
            found.append(name)
    return tuple(found)
