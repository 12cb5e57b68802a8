"""The published schemas say what the code says. What real runs print is held against them in tests/run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from chargehand.model.config import Config

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "src" / "chargehand" / "schemas"


def schema(name: str) -> Any:
    return json.loads((KEPT / f"{name}.schema.json").read_text(encoding="utf-8"))


def test_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "schemas.py", tmp_path], check=True)
    made = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text(encoding="utf-8") for file in KEPT.iterdir()}
    assert kept == made, "run: make schemas"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ({"jobs": 3, "budget": {"run_usd": 2}}, True),
        ({"jbos": 3}, False),
        ({"jobs": 0}, False),
        ({"retry": {"attempts": "x"}}, False),
    ],
)
def test_a_config_is_judged_as_the_code_judges_it(text: dict[str, Any], good: bool) -> None:
    for judge, error in ((lambda: jsonschema.validate(text, schema("config")), jsonschema.ValidationError),
                         (lambda: msgspec.convert(text, Config), msgspec.ValidationError)):  # fmt: skip
        if good:
            judge()
        else:
            with pytest.raises(error):
                judge()
