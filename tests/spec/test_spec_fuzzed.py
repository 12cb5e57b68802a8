"""What a fuzzer found to reach code that nothing else does is thrown at every format again."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path

import pytest

KEPT: dict[str, list[str]] = json.loads((Path(__file__).parent / "fuzzed.json").read_text("ascii"))
FUZZER = Path(__file__).parents[2] / "bench" / "fuzz_spec.py"


@pytest.mark.parametrize("name", KEPT)
def test_what_was_found_by_fuzzing_is_read_or_refused_and_marked_alone(name: str) -> None:
    found = importlib.util.spec_from_file_location("fuzz_spec", FUZZER)
    assert found
    assert found.loader
    fuzzer = importlib.util.module_from_spec(found)
    found.loader.exec_module(fuzzer)
    for text in KEPT[name]:
        fuzzer.one(base64.b64decode(text))
