"""What is compiled when it is first used is no surprise then."""

from __future__ import annotations

import gc
import importlib
from pathlib import Path

import chargehand
from chargehand.model.patterns import Later, later

HOUSE = Path(chargehand.__file__).parent


def test_every_pattern_that_is_compiled_later_can_be() -> None:
    users = [file for file in HOUSE.rglob("*.py") if "import later\n" in file.read_text("utf-8")]
    kept = [importlib.import_module(".".join(("chargehand", *user.relative_to(HOUSE).with_suffix("").parts))) for user in users]
    patterns = [one for one in gc.get_objects() if type(one) is Later]
    assert len(patterns) > len(kept) > 5
    assert all(pattern.flags for pattern in patterns)


def test_it_is_like_the_pattern() -> None:
    pattern = later("(?P<name>a)b")
    assert (pattern.sub("x", "abc"), pattern.findall("abab"), dict(pattern.groupindex)) == ("xc", ["a", "a"], {"name": 1})
