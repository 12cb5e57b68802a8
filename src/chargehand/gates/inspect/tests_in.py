"""Which files are tests, and what is in them: by their text alone, of the languages people use.

A test's text begins at its head and ends at the next one. That is coarse, and the same before and after a change.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from chargehand.gates.inspect.languages import GO, Language, language

_FOLDERS = re.compile(r"(?:^|/)(?:tests?|__tests__|specs?|testing|e2e)/", re.IGNORECASE)
_NAMES = re.compile(
    r"(?:^|/)(?:test_[^/]*\.py|[^/]*_test\.py|[^/]*[._-](?:test|spec)s?\.[cm]?[jt]sx?|[^/]*_test\.go|[^/]*_tests?\.rs|tests?\.rs"
    r"|(?:Test[A-Z][^/]*|[^/]*(?:Tests?|TestCase|IT|Spec))\.(?:java|kt|kts|scala|groovy|cs|fs|vb|php|swift)|[^/]*_(?:spec|test)\.(?:rb|exs?)"
    r"|test_[^/]*\.rb|[^/]*_test\.(?:dart|cc|cpp|c|php))$"
)
_SOURCES = re.compile(r"\.(?:py|[cm]?[jt]sx?|go|rs|java|kt|kts|scala|groovy|cs|fs|vb|php|rb|exs?|swift|dart|c|cc|cpp|sh|bats)$")
_LONGEST = 200_000
"""Characters of a file that are looked at."""


def is_test(path: str) -> bool:
    """Whether a file is a test, or lies among tests and is program text. What only configures them is not."""
    if path.rpartition("/")[2] == "__init__.py":
        return False
    return bool(_NAMES.search(path) or (_FOLDERS.search(path) and _SOURCES.search(path)))


class Contents(NamedTuple):
    """What is in a test file. ``asserts``: assertions that can fail, by test; those before the first test are under ``""``."""

    asserts: Counter[str]
    skips: int
    exits: int
    hooks: int


def contents(path: str, data: bytes) -> Contents | None:
    """None for a language nobody knows here."""
    known = language(path)
    if known is None:
        return None
    whole = data[:_LONGEST].decode("utf-8", "replace")
    text = known.bare(whole)
    heads = list(known.head.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    asserts: Counter[str] = Counter()
    asserts[""] = _solid(known, text[: heads[0].start()] if heads else text)
    for head, end in zip(heads, ends, strict=False):
        name = next((group for group in head.groups() if group is not None), "")
        asserts[name] += _solid(known, text[head.end() : end])
    # What builds a file out of a run (`//go:build`) stands in a comment.
    skips = len(known.skips.findall(text)) + (
        len(re.findall(r"^//(?:go:build| \+build)", whole, re.MULTILINE)) if known is GO else 0
    )
    return Contents(asserts, skips, len(known.exits.findall(text)), len(known.hooks.findall(text)))


def _solid(known: Language, text: str) -> int:
    return len(known.holds.findall(text)) - len(known.hollow.findall(text))
