"""A project, and programs that stand where agents are looked for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.ports import Call
from tests.run.conftest import Place


class Ward(Place):
    """A project with a spec. ``bin`` comes first on the PATH."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.bin = root.parent / "bin"
        self.bin.mkdir()
        self.environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": ""}
        self.spec("TASK-001")

    def start(self, *args: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        return super().start(*args, env=self.environment | (env or {}), **options)

    def program(self, kind: str, *, without: str = "", first: str = "") -> Path:
        """A program that tells a version and the flags our driver uses, and counts how often it was started."""
        agent = make_agent("x", AgentConfig(kind=kind, program="/bin/true", model="m"), self.root)  # type: ignore[arg-type]
        calls = (
            Call(prompt="", workspace="/w", home="/h", session="s", instructions="i", schema="{}"),
            Call(prompt="", workspace="/w", home="/h", resume="r", fork=True, read_only=True),
        )
        flags = {word for call in calls for word in agent.prepare(call, {}).argv if word.startswith("--")} - {without}
        path = self.bin / kind
        path.write_text(
            f"#!/bin/sh\necho >> {self.bin}/{kind}.starts\n{first}\n"
            f'case "$*" in *--version) echo "{kind} 3.2.1 (a program)";; *) echo "{" ".join(sorted(flags))}";; esac\n'
        )
        path.chmod(0o755)
        return path

    def starts(self, kind: str) -> int:
        counted = self.bin / f"{kind}.starts"
        return len(counted.read_text()) if counted.exists() else 0

    def findings(self, *args: str, code: int = 0, env: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
        """What the doctor finds, by what it is about."""
        told = self.told(*args, code=code, env=env)
        return {finding["what"]: finding for finding in told["findings"]}

    def told(self, *args: str, code: int = 0, env: dict[str, str] | None = None) -> Any:
        return json.loads(self.run("doctor", "--json", *args, code=code, env=env).stdout)


@pytest.fixture
def ward(git_repo: Callable[..., Path]) -> Ward:
    return Ward(git_repo())
