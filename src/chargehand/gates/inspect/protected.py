"""What decides how work is judged, and what agents obey: only a task that names it may change it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chargehand.gates.inspect.globs import listed, matches, named
from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.gates.inspect.tests_in import is_test
from chargehand.model.config import Config, GateConfig
from chargehand.model.work import Verdict
from chargehand.ports import Change, Sight

AGENTS = (
    *(".claude/**", ".codex/**", ".cursor/**", ".gemini/**", ".qwen/**", ".opencode/**", ".factory/**", ".pi/**", ".aider*"),
    *("**/.mcp.json", "**/AGENTS.md", "**/CLAUDE.md", "**/GEMINI.md", "**/QWEN.md", ".cursorrules", "opencode.json*"),
    *(".github/copilot-instructions.md", "chargehand.toml", "spec-runner.config.yaml", ".worktreeinclude"),
)
MACHINERY = (
    *(".github/workflows/**", ".github/actions/**", ".gitlab-ci.yml", ".gitlab/**", ".circleci/**", "azure-pipelines*.yml"),
    *("Jenkinsfile", ".travis.yml", ".buildkite/**", ".woodpecker/**", ".woodpecker.yml", ".drone.yml", ".forgejo/**", ".gitea/**"),
    *(".pre-commit-config.yaml", ".husky/**", "lefthook*", "**/.envrc", ".vscode/**", ".devcontainer/**", "**/.gitmodules"),
    *("**/sitecustomize.py", "**/usercustomize.py", "**/*.pth", "**/conftest.py", "**/pytest.ini", "**/.pytest.ini", "**/tox.ini"),
    *("noxfile.py", "**/.coveragerc", "**/mypy.ini", "**/.mypy.ini", "**/ruff.toml", "**/.ruff.toml", "**/.flake8", "**/.pylintrc"),
    *("**/jest.config.*", "**/jest.setup.*", "**/vitest.config.*", "**/vitest.setup.*", "**/vitest.workspace.*", "**/.mocharc*"),
    *("**/karma.conf.*", "**/playwright.config.*", "**/cypress.config.*", "**/ava.config.*", "**/.eslintrc*", "**/eslint.config.*"),
    *("**/biome.json*", "**/.npmrc", "**/.yarnrc*", "**/bunfig.toml", "**/phpunit.xml*", "**/phpstan.neon*", "**/.rspec"),
    *("**/.rubocop.yml", "**/.golangci.y*ml", "**/clippy.toml", "**/.cargo/config*", "**/nextest.toml", "**/*.runsettings"),
)
"""Where nothing is tested yet there is nothing to be weakened: there, these may be added."""

_TABLES = {
    "pyproject.toml": (
        "build-system",
        *(f"tool.{name}" for name in ("pytest", "coverage", "mypy", "pyright", "ruff", "chargehand")),
    ),
    "package.json": ("scripts", "jest", "vitest", "mocha", "ava", "c8", "nyc", "eslintConfig"),
    "Cargo.toml": ("lints", "workspace.lints", "profile.test"),
    "composer.json": ("scripts",),
    "deno.json": ("tasks",),
}
"""Files of which only these parts are protected."""

_SECTIONS = {
    "setup.cfg": re.compile(r"^\[(tool:pytest|mypy.*|flake8|coverage:.*|pycodestyle)\]\s*\n((?:(?!^\[).*\n?)*)", re.MULTILINE)
}


class Protected:
    """Fails a change of what its task does not name and is protected. ``globs`` are the settings' own, or None for those above;
    ``gate_files`` are the files the gates' commands name."""

    name = PREFIX + "protected"

    def __init__(self, config: Config) -> None:
        own = config.inspect.protect
        self._always = tuple(own) if own is not None else AGENTS
        self._machinery = MACHINERY if own is None else ()
        self._tables = own is None
        self._gates = gate_files(config.gates.values()) if own is None else ()

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        found = [path for path in change.files if not named(change.task, path) and self._protects(change, sight, path)]
        if not found:
            return passed(self.name, change, "nothing protected changed")
        fix = "leave it as it was; a task may change it when it names it"
        told = [finding(self.name, path, "decides how work is judged, or what agents obey", fix=fix) for path in found]
        return failed(self.name, change, f"changes what is protected: {listed(found)}", told)

    def _protects(self, change: Change, sight: Sight, path: str) -> bool:
        if matches(path, self._always):
            return True
        if matches(path, (*self._machinery, *self._gates)):
            return path in sight.list(change.base) or any(is_test(one) for one in sight.list(change.base))
        name = path.rpartition("/")[2]
        if not self._tables or not (name in _TABLES or name in _SECTIONS) or sight.read(change.base, path) is None:
            return False
        before, after = (protected_parts(name, sight.read(commit, path) or b"") for commit in (change.base, change.commit))
        return any(after.get(key) != value for key, value in before.items()) or any(
            key not in before and _weighs(key) for key in after
        )


def _weighs(key: str) -> bool:
    """Whether a part that was not there before changes how work is judged: a new script does not, new test settings do."""
    return not key.startswith(("scripts.", "tasks."))


def protected_parts(name: str, data: bytes) -> dict[str, str]:
    """The protected parts of such a file, by dotted key, as text; of one that cannot be read, all of it in one piece."""
    text = data.decode("utf-8", "replace")
    if name in _SECTIONS:
        return {match[1]: match[2].strip() for match in _SECTIONS[name].finditer(text)}
    read: Callable[[str], Any] = tomllib.loads if name.endswith(".toml") else json.loads
    try:
        whole = read(text)
        return dict(_parts(whole, _TABLES[name]))
    except (ValueError, RecursionError, AttributeError):
        return {"": text}


def _parts(whole: Any, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        at: Any = whole
        for part in key.split("."):
            at = at.get(part) if isinstance(at, dict) else None
        if key in ("scripts", "tasks") and isinstance(at, dict):
            yield from ((f"{key}.{name}", json.dumps(value, sort_keys=True, default=str)) for name, value in at.items())
        elif at is not None:
            yield key, json.dumps(at, sort_keys=True, default=str)


_SCRIPT = re.compile(r"\./[\w./-]*\w|[\w-][\w./-]*\.(?:sh|bash|py|js|mjs|cjs|ts|rb|pl|mk)")
_WRITTEN_IN = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "just": ("justfile", "Justfile", ".justfile"),
    "tox": ("tox.ini",),
    "nox": ("noxfile.py",),
    "rake": ("Rakefile",),
    "task": ("Taskfile.yml", "Taskfile.yaml"),
}


def gate_files(gates: Iterable[GateConfig]) -> tuple[str, ...]:
    """The files that the commands of gates are written in, as far as their words tell."""
    found: list[str] = []
    for gate in gates:
        for command in (gate.command, gate.setup):
            found += _named_by(command)
    return tuple(dict.fromkeys(found))


def _named_by(command: str | list[str]) -> Iterator[str]:
    try:
        words = shlex.split(command) if isinstance(command, str) else command
    except ValueError:
        words = str(command).split()
    for word in words:
        yield from _WRITTEN_IN.get(word.rpartition("/")[2], ())
        if _SCRIPT.fullmatch(word):
            yield word.removeprefix("./")
