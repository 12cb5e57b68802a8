"""A project to run chargehand in, as a user would: a real repository, a spec, settings, and the real command line as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "chargehand"]


class Place:
    """One user's project and his shell in it. No command may take longer than ``limit_s``."""

    limit_s = 100.0

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def git(self, *args: str, check: bool = True) -> str:
        done = subprocess.run(["git", *args], cwd=self.root, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message: str = "set up") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def spec(self, *tasks: str, commit: bool = True) -> None:
        """``"TASK-001 P1 after TASK-002"``: an id, and optionally a priority and what it needs."""
        lines = ["# Tasks", ""]
        for text in tasks:
            head, _, needs = text.partition(" after ")
            name, *rest = head.split()
            priority = rest[0] if rest else "P1"
            lines += [f"### {name}: Do {name.lower()}", f"🟠 {priority} | ⬜ TODO | Est: 1h", "", f"Make out/{name}.txt.", ""]
            lines += ["**Checklist:**", f"- [ ] make the file of {name}", ""]
            if needs:
                lines += ["**Depends on:** " + ", ".join(f"[{need}]" for need in needs.split()), ""]
        self.write("spec/tasks.md", "\n".join(lines))
        if commit:
            self.commit("spec")

    def config(self, text: str = "", *, agent: str | None = None, script: str | None = None) -> None:
        """Settings with one agent: a shell command, or a scripted one."""
        if script is not None:
            self.write(".script.toml", script)
            table = '[agents.fake]\nkind = "scripted"\nscript = ".script.toml"\n'
        else:
            shell = agent or 'mkdir -p out && echo "$CHARGEHAND_TASK_ID" > "out/$CHARGEHAND_TASK_ID.txt"'
            table = f"[agents.fake]\ncommand = {json.dumps(['/bin/sh', '-c', shell])}\n"
        self.write("chargehand.toml", f'agent = "fake"\n{text}\n{table}')
        self.commit("settings")

    def own(self, text: str) -> None:
        """The user's own settings, which may allow more than the project's."""
        file = Path.home() / ".config" / "chargehand" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self, *args: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """chargehand as a process of its own, in its own session."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        environment = {**os.environ, "NO_COLOR": "1", **(env or {})}
        return subprocess.Popen(
            [*COMMAND, *args],
            cwd=self.root,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )

    def run(self, *args: str, code: int | None = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """chargehand to its end; the exit code is demanded unless ``code`` is None."""
        with self.start(*args, env=env) as process:
            try:
                out, err = process.communicate(timeout=self.limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        done = subprocess.CompletedProcess(args, process.returncode, out, err)
        assert code is None or done.returncode == code, f"exit code {done.returncode}, not {code}\n{out[-3000:]}\n{err[-3000:]}"
        return done

    def json(self, *args: str, code: int | None = 0) -> Any:
        """The one JSON object a command prints."""
        return json.loads(self.run(*args, "--json", code=code).stdout)

    def events(self, *args: str, code: int | None = 0) -> list[dict[str, Any]]:
        """The NDJSON of a run."""
        return [json.loads(line) for line in self.run("run", *args, "--json", code=code).stdout.splitlines()]

    def states(self) -> dict[str, str]:
        return {task["id"]: task["state"] for task in self.json("status")["tasks"]}

    def landed(self) -> list[str]:
        """Task ids in the order their commits lie on the target."""
        log = self.git("log", "--reverse", "--format=%(trailers:key=Chargehand-Task,valueonly)", "main")
        return [line for line in log.splitlines() if line]


@pytest.fixture
def place(git_repo: Callable[..., Path]) -> Place:
    """An empty project with one commit."""
    return Place(git_repo())
