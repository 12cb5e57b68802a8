"""Which gates a project should have, told by its own files: its interpreter, its tools, its lock file.

Pure: a listing of paths and a few contents go in. Levels in the order they should judge: syntax, imports, tests, types. Nothing of
this is used before the user has seen it and taken it over.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_READ = frozenset(
    {
        *(
            "pyproject.toml",
            "setup.cfg",
            "tox.ini",
            "package.json",
            "tsconfig.json",
            "Makefile",
            "makefile",
            "justfile",
            "Justfile",
        ),
        *(
            "composer.json",
            "Gemfile",
            "Cargo.toml",
            "go.mod",
            "build.gradle",
            "build.gradle.kts",
            "pom.xml",
            "requirements-dev.txt",
        ),
        *("requirements.txt", "requirements/dev.txt", "Pipfile"),
    }
)
_PYTHON_TEST = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
_PYTEST_STYLE = re.compile(r"^(?:(?:async )?def test|import pytest\b|from pytest\b|class Test\w*(?:\(\))?:)", re.MULTILINE)
_TESTS_LOOKED_AT = 20


def wanted(paths: Iterable[str]) -> list[str]:
    """The files whose content tells something: those that configure, and a few tests."""
    tests = sorted(path for path in paths if _PYTHON_TEST.search(path))
    return [*(path for path in paths if path in _READ), *tests[:_TESTS_LOOKED_AT]]


class Proposed(NamedTuple):
    """A gate to be. ``level`` is syntax, imports, tests or types; ``cache``, ``locks`` and ``report`` as in the settings."""

    name: str
    level: str
    command: str
    why: str
    setup: str = ""
    cache: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    report: str = ""


class Project(NamedTuple):
    """Paths relative to the root, with forward slashes, and the contents of those ``wanted``."""

    paths: frozenset[str]
    contents: Mapping[str, str]

    def has(self, *names: str) -> str:
        """The first of these that is there, or nothing."""
        return next((name for name in names if name in self.paths), "")

    def ends(self, *endings: str) -> bool:
        return any(path.endswith(endings) for path in self.paths)

    def text(self, *names: str) -> str:
        return next((self.contents[name] for name in names if name in self.contents), "")


def detect(paths: frozenset[str], contents: Mapping[str, str]) -> tuple[Proposed, ...]:
    """The gates proposed for such a project, in the order they should judge; at most one for a name."""
    project = Project(paths, contents)
    order = ("syntax", "imports", "tests", "types")
    found = [gate for kind in _KINDS for gate in kind(project)]
    if runner := _runner(project):
        found = [runner, *(gate for gate in found if gate.level != "tests")]
    named: dict[str, Proposed] = {}
    for gate in sorted(found, key=lambda one: order.index(one.level)):
        name, number = gate.name, 2
        while name in named:
            name, number = f"{gate.name}{number}", number + 1
        named[name] = gate._replace(name=name)
    return tuple(named.values())


def _runner(project: Project) -> Proposed | None:
    """What the project itself calls its tests."""
    if re.search(r"^test\s*:(?!=)", project.text("Makefile", "makefile"), re.MULTILINE):
        return _with_setup(project, Proposed("test", "tests", "make test", "the Makefile has a target test"))
    if re.search(r"^test\b[^:=\n]*:(?!=)", project.text("justfile", "Justfile"), re.MULTILINE):
        return _with_setup(project, Proposed("test", "tests", "just test", "the justfile has a recipe test"))
    return None


def _with_setup(project: Project, gate: Proposed) -> Proposed:
    """The same with what the project's language needs before."""
    for kind in _KINDS:
        for other in kind(project):
            if other.level == "tests":
                return gate._replace(setup=other.setup, cache=other.cache, locks=other.locks)
    return gate


_REPORT = "junit.xml"


class _Python(NamedTuple):
    """``run`` comes before a program of the environment, ``python`` is its interpreter."""

    run: str
    python: str
    setup: str
    locks: tuple[str, ...]
    why: str


def _python(project: Project) -> Iterator[Proposed]:
    if not (project.has("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile") or project.ends(".py")):
        return
    tests = [path for path in project.paths if _PYTHON_TEST.search(path)]
    tool = _python_tool(project)
    cache = (".venv",) if tool.setup else ()
    told = _table(project.text("pyproject.toml"))
    asked = _asked(project)
    common = (tool.setup, cache, tool.locks)
    folders = sorted({path.split("/")[0] for path in project.paths if path.endswith(".py") and "/" in path and path[0] != "."})
    places = " ".join(folders) + (" *.py" if any("/" not in path and path.endswith(".py") for path in project.paths) else "")
    if places.strip():
        yield Proposed(
            "syntax", "syntax", f"{tool.python} -m compileall -q {places.strip()}", "every Python file can be read", *common
        )
    if package := _package(project, told):
        yield Proposed(
            "imports", "imports", f'{tool.python} -c "import {package}"', f"the package {package} can be imported", *common
        )
    if _uses_pytest(project):
        command = f"{tool.python} -m pytest -q --junitxml={_REPORT}"  # it names every test, so that none gets lost
        yield Proposed("test", "tests", command, f"pytest, with {tool.why}", *common, _REPORT)
    elif tests:
        within = any(path.startswith("tests/") for path in tests)
        start = f" -s tests{' -t .' if project.has('tests/__init__.py') else ''}" if within else ""
        yield Proposed("test", "tests", f"{tool.python} -m unittest discover -v{start}", f"unittest, with {tool.why}", *common)
    if "mypy" in asked or project.has("mypy.ini", ".mypy.ini"):
        yield Proposed(
            "types", "types", f"{tool.python} -m mypy{'' if _names_files(told) else ' .'}", "mypy is configured", *common
        )
    elif "pyright" in asked or project.has("pyrightconfig.json"):
        yield Proposed("types", "types", f"{tool.run}pyright", "pyright is configured", *common)


def _asked(project: Project) -> str:
    """Everything in which a Python project names the tools it is worked on with."""
    asked = project.text("pyproject.toml") + project.text("setup.cfg", "tox.ini")
    return asked + project.text("requirements-dev.txt", "requirements/dev.txt", "requirements.txt", "Pipfile")


def _uses_pytest(project: Project) -> bool:
    """Whether it says so, or its tests are of no other kind."""
    if "pytest" in _asked(project) or project.has("pytest.ini", "conftest.py", "tests/conftest.py"):
        return True
    return any(_PYTHON_TEST.search(path) and _PYTEST_STYLE.search(text) for path, text in project.contents.items())


_REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements/dev.txt")


def _python_tool(project: Project) -> _Python:
    for lock, tool, setup in (
        ("uv.lock", "uv run --no-sync", "uv sync --frozen"),
        ("poetry.lock", "poetry run", "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install"),
        ("pdm.lock", "pdm run", "pdm sync"),
        ("Pipfile.lock", "pipenv run", "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev"),
    ):
        if project.has(lock):
            locks = tuple(filter(project.has, (lock, "pyproject.toml", "Pipfile")))
            return _Python(f"{tool} ", f"{tool} python", setup, locks, tool.split()[0])
    wanted = tuple(filter(project.has, _REQUIREMENTS))
    if wanted:
        install = " ".join(f"-r {name}" for name in wanted)
        setup = f"python3 -m venv .venv && .venv/bin/python -m pip install -q {install}"
        return _Python(".venv/bin/", ".venv/bin/python", setup, wanted, "pip")
    if setup := _installing(project):
        return _Python(".venv/bin/", ".venv/bin/python", setup, ("pyproject.toml",), "pip")
    if any(re.match(r"src/[^/]+(?:/__init__)?\.py$", path) for path in project.paths):
        return _Python("PYTHONPATH=src ", "PYTHONPATH=src python3", "", (), "the python3 on PATH")  # nothing installs it
    return _Python("", "python3", "", (), "the python3 on PATH")


def _installing(project: Project) -> str:
    """What installs a project that names what it needs in ``pyproject.toml`` alone; nothing where that names nothing."""
    told = _table(project.text("pyproject.toml"))
    about = told.get("project")
    if not isinstance(about, dict):
        return ""
    extras = [name for name in _FOR_TESTS if name in _names(about.get("optional-dependencies"))]
    groups = [name for name in _FOR_TESTS if name in _names(told.get("dependency-groups"))]
    if not (about.get("dependencies") or extras or groups):
        return ""
    steps = ["python3 -m venv .venv"]
    if groups:
        steps.append(".venv/bin/python -m pip install -q --upgrade pip")  # groups are known to pip since 25.1
    words = [f"-e '.[{','.join(extras)}]'" if extras else "-e .", *(f"--group {name}" for name in groups)]
    if _uses_pytest(project) and not re.search(r"[\"']pytest\b", project.text("pyproject.toml")):
        words.append("pytest")
    return " && ".join((*steps, f".venv/bin/python -m pip install -q {' '.join(words)}"))


_FOR_TESTS = ("test", "tests", "testing", "dev")


def _names(table: object) -> Collection[str]:
    return table.keys() if isinstance(table, dict) else ()


def _package(project: Project, told: dict[str, Any]) -> str:
    name = str(told.get("project", {}).get("name", "")).replace("-", "_")
    found = [path for path in (f"src/{name}/__init__.py", f"{name}/__init__.py") if name and path in project.paths]
    importable = project.has("uv.lock", "poetry.lock", "pdm.lock") or not project.has(*_REQUIREMENTS)
    return name if found and name.isidentifier() and (found[0][0] != "s" or importable) else ""


def _names_files(told: dict[str, Any]) -> bool:
    return "files" in told.get("tool", {}).get("mypy", {})


def _node(project: Project) -> Iterator[Proposed]:
    if not project.has("package.json"):
        return
    told = _object(project.text("package.json"))
    manager, install, locks = next(one for one in _MANAGERS if not one[2] or project.has(*one[2]))
    common = (install, ("node_modules",), (*filter(project.has, locks), "package.json"))
    scripts, needs = told.get("scripts") or {}, {**(told.get("dependencies") or {}), **(told.get("devDependencies") or {})}
    run = {"npm": "npx --no-install", "bun": "bunx", "pnpm": "pnpm exec"}.get(manager, manager)
    script = str(scripts.get("test", ""))
    if script and "no test specified" not in script:
        words = "bun run test" if manager == "bun" else f"{manager} test"  # `bun test` is a program of its own
        yield Proposed("test", "tests", words, f"package.json has a script test, with {manager}", *common)
    else:
        vitest = f"vitest run --reporter=default --reporter=junit --outputFile={_REPORT}"
        for tool, words, report in (("vitest", vitest, _REPORT), ("jest", "jest", ""), ("mocha", "mocha", "")):
            if tool in needs:
                yield Proposed("test", "tests", f"{run} {words}", f"{tool}, with {manager}", *common, report)
                break
    if "typecheck" in scripts:
        yield Proposed("types", "types", f"{manager} run typecheck", "package.json has a script typecheck", *common)
    elif project.has("tsconfig.json") and "typescript" in needs:
        yield Proposed("types", "types", f"{run} tsc --noEmit", "TypeScript", *common)


_MANAGERS = (
    ("pnpm", "pnpm install --frozen-lockfile", ("pnpm-lock.yaml",)),
    ("yarn", "yarn install --frozen-lockfile", ("yarn.lock",)),
    ("bun", "bun install --frozen-lockfile", ("bun.lock", "bun.lockb")),
    ("npm", "npm ci", ("package-lock.json", "npm-shrinkwrap.json")),
    ("npm", "npm install --no-audit --no-fund", ()),
)


def _rust(project: Project) -> Iterator[Proposed]:
    if project.has("Cargo.toml"):
        locked = " --locked" if project.has("Cargo.lock") else ""
        common = (f"cargo build --tests{locked}", ("target",), tuple(filter(project.has, ("Cargo.lock", "Cargo.toml"))))
        yield Proposed("syntax", "syntax", f"cargo check --all-targets{locked}", "Cargo.toml", *common)
        yield Proposed("test", "tests", f"cargo test{locked}", "Cargo.toml", *common)


def _go(project: Project) -> Iterator[Proposed]:
    if project.has("go.mod"):
        yield Proposed("syntax", "syntax", "go build ./...", "go.mod")
        yield Proposed("test", "tests", "go test -v ./...", "go.mod")
        yield Proposed("types", "types", "go vet ./...", "go.mod")


def _jvm(project: Project) -> Iterator[Proposed]:
    if project.has("pom.xml"):
        tool = "./mvnw" if project.has("mvnw") else "mvn"
        yield Proposed("test", "tests", f"{tool} -B verify", "pom.xml, with maven", report="**/target/surefire-reports/*.xml")
    elif project.has("build.gradle", "build.gradle.kts"):
        tool = "./gradlew" if project.has("gradlew") else "gradle"
        yield Proposed("test", "tests", f"{tool} --no-daemon test", "a gradle build", report="**/build/test-results/test/*.xml")


def _dotnet(project: Project) -> Iterator[Proposed]:
    if project.ends(".csproj", ".fsproj", ".sln"):
        yield Proposed("syntax", "syntax", "dotnet build --nologo", "a .NET project")
        yield Proposed("test", "tests", "dotnet test --nologo", "a .NET project")


def _ruby(project: Project) -> Iterator[Proposed]:
    if project.has("Gemfile"):
        command = "bundle exec rspec" if "rspec" in project.text("Gemfile") or project.has(".rspec") else "bundle exec rake test"
        locks = tuple(filter(project.has, ("Gemfile.lock", "Gemfile")))
        setup = "bundle config set --local path vendor/bundle && bundle install"
        yield Proposed("test", "tests", command, "a Gemfile", setup, ("vendor/bundle", ".bundle"), locks)


def _php(project: Project) -> Iterator[Proposed]:
    if project.has("composer.json"):
        told = _object(project.text("composer.json"))
        own = "test" in (told.get("scripts") or {})
        locks = tuple(filter(project.has, ("composer.lock", "composer.json")))
        command, report = ("composer test", "") if own else (f"vendor/bin/phpunit --log-junit {_REPORT}", _REPORT)
        yield Proposed("test", "tests", command, "composer.json", "composer install --no-interaction", ("vendor",), locks, report)


_KINDS: tuple[Callable[[Project], Iterator[Proposed]], ...] = (_python, _node, _rust, _go, _jvm, _dotnet, _ruby, _php)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
