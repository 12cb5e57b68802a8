"""A project with requirements, a design and tasks that trace to them."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import chargehand
from chargehand.doors.cli.main import main
from tests.run.conftest import Place

REQUIREMENTS = """# Requirements

#### REQ-001: Money
Amounts are integers.

#### REQ-002: Printing
Amounts are printed.
"""
DESIGN = """# Design

### DESIGN-001: The money type
Meets REQ-001.
"""
TASKS = """# Tasks

## Milestone 1: First

### TASK-001: Money
🔴 P0 | ⬜ TODO | Est: 2h

A type for amounts that never loses a cent, whatever is done to it.

**Checklist:**
- [ ] it adds
- [ ] it splits

**Traces to:** [DESIGN-001]

## Milestone 2: Second

### TASK-002: Printing
🟠 P1 | ⬜ TODO | Est: 1d

Print amounts as people write them, with the sign of the currency.

**Checklist:**
- [ ] it prints

**Traces to:** [REQ-002]
**Depends on:** [TASK-001]

### TASK-003: Clean up
🟡 P2 | ⬜ TODO | Est: 1h

Remove what nobody uses any more, and say in the notes what it was.
"""


QUICK = {"check", "validate", "audit", "task", "report", "verify"}


class Desk(Place):
    """What only reads, or writes one file, is run by the command line's own entry in this process: a start costs more than it."""

    def run(self, *args: str, code: int | None = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        if args[0] not in QUICK or env:
            return super().run(*args, code=code, env=env)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.root), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            returned = main(args)
        assert code in {None, returned}, f"exit code {returned}, not {code}\n{out.getvalue()[-3000:]}\n{err.getvalue()[-3000:]}"
        return subprocess.CompletedProcess(args, returned, out.getvalue(), err.getvalue())


@pytest.fixture
def place(git_repo: Callable[..., Path]) -> Place:
    """An empty project with one commit."""
    return Desk(git_repo())


@pytest.fixture
def traced(place: Place) -> Place:
    """A project whose tasks trace to requirements; nothing has run."""
    place.write("spec/requirements.md", REQUIREMENTS)
    place.write("spec/design.md", DESIGN)
    place.write("spec/tasks.md", TASKS)
    place.config('[gates.test]\ncommand = "true"\n')
    return place


def valid(name: str, value: Any) -> Any:
    """``value``, held against its published schema."""
    file = Path(chargehand.__file__).parent / "schemas" / f"{name}.schema.json"
    jsonschema.validate(value, json.loads(file.read_text()), cls=jsonschema.Draft202012Validator)
    return value
