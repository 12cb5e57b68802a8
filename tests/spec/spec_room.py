"""What several tests of this room use."""

from __future__ import annotations

import json
import os
from pathlib import Path

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.reading import read

CORPUS = Path(os.environ.get("CHARGEHAND_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus")
EXPECTED = Path(__file__).parent / "expected"


def parse(text: str, path: str, format_name: str = "spec-runner") -> tuple[tuple[Task, ...], tuple[Problem, ...]]:
    """The tasks of one text and everything wrong with it."""
    return read(format_name, {path: text})


def expected(format_name: str, how: str = "") -> dict[str, int | str]:
    """The tasks of each file of the corpus, or "refused": counted "by eye", or "not by eye": by a script, or as read before."""
    counts: dict[str, dict[str, int | str]] = json.loads((EXPECTED / f"{format_name}.json").read_text("utf-8"))
    return counts[how] if how else counts["not by eye"] | counts["by eye"]
