"""Gates proposed for a project by its own files."""

from __future__ import annotations

import pytest

from chargehand.gates.detect import Proposed, detect


def found(*paths: str, **contents: str) -> dict[str, Proposed]:
    named = {name.replace("__", "/").replace("_DOT_", "."): text for name, text in contents.items()}
    return {gate.name: gate for gate in detect(frozenset([*paths, *named]), named)}


PYPROJECT = '[project]\nname = "my-lib"\n[dependency-groups]\ndev = ["pytest", "mypy"]\n'
PACKAGE = '{"scripts": {"test": "vitest run"}, "devDependencies": {"vitest": "1", "typescript": "5"}}'

CASES: list[tuple[dict[str, Proposed], str, str, str]] = [
    (
        found("uv.lock", "src/my_lib/__init__.py", "tests/test_a.py", pyproject_DOT_toml=PYPROJECT),
        "test",
        "uv run --no-sync python -m pytest -q --junitxml=junit.xml",
        "uv sync --frozen",
    ),
    (
        found("poetry.lock", pyproject_DOT_toml=PYPROJECT),
        "test",
        "poetry run python -m pytest -q --junitxml=junit.xml",
        "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install",
    ),
    (
        found("a.py", requirements_DOT_txt="pytest\n"),
        "test",
        ".venv/bin/python -m pytest -q --junitxml=junit.xml",
        "python3 -m venv .venv && .venv/bin/python -m pip install -q -r requirements.txt",
    ),
    (found("tests/test_a.py", "a.py"), "test", "python3 -m unittest discover -v -s tests", ""),
    (found("tests/test_a.py", "tests/__init__.py"), "test", "python3 -m unittest discover -v -s tests -t .", ""),
    (found(tests__test_a_DOT_py="def test_a():\n    pass\n"), "test", "python3 -m pytest -q --junitxml=junit.xml", ""),
    (
        found("a.py", pyproject_DOT_toml=PYPROJECT),
        "test",
        ".venv/bin/python -m pytest -q --junitxml=junit.xml",
        "python3 -m venv .venv && .venv/bin/python -m pip install -q --upgrade pip"
        " && .venv/bin/python -m pip install -q -e . --group dev",
    ),
    (
        found(pyproject_DOT_toml='[project]\ndependencies = ["x"]\n', tests__test_a_DOT_py="import pytest\n"),
        "test",
        ".venv/bin/python -m pytest -q --junitxml=junit.xml",
        "python3 -m venv .venv && .venv/bin/python -m pip install -q -e . pytest",
    ),
    (
        found("Pipfile", "Pipfile.lock", "conftest.py"),
        "test",
        "pipenv run python -m pytest -q --junitxml=junit.xml",
        "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev",
    ),
    (found("src/lib/__init__.py", "conftest.py"), "test", "PYTHONPATH=src python3 -m pytest -q --junitxml=junit.xml", ""),
    (found("conftest.py", "a.py"), "test", "python3 -m pytest -q --junitxml=junit.xml", ""),
    (found("pnpm-lock.yaml", package_DOT_json=PACKAGE), "test", "pnpm test", "pnpm install --frozen-lockfile"),
    (found("package-lock.json", "tsconfig.json", package_DOT_json=PACKAGE), "types", "npx --no-install tsc --noEmit", "npm ci"),
    (
        found("yarn.lock", package_DOT_json='{"devDependencies": {"jest": "29"}}'),
        "test",
        "yarn jest",
        "yarn install --frozen-lockfile",
    ),
    (
        found("package-lock.json", package_DOT_json='{"devDependencies": {"vitest": "4"}}'),
        "test",
        "npx --no-install vitest run --reporter=default --reporter=junit --outputFile=junit.xml",
        "npm ci",
    ),
    (found("bun.lock", package_DOT_json=PACKAGE), "test", "bun run test", "bun install --frozen-lockfile"),
    (found("Cargo.lock", Cargo_DOT_toml="[package]"), "test", "cargo test --locked", "cargo build --tests --locked"),
    (found(go_DOT_mod="module x"), "test", "go test -v ./...", ""),
    (found("mvnw", pom_DOT_xml="<project/>"), "test", "./mvnw -B verify", ""),
    (found("build.gradle.kts", "gradlew"), "test", "./gradlew --no-daemon test", ""),
    (found("a/b.csproj"), "test", "dotnet test --nologo", ""),
    (
        found("Gemfile.lock", Gemfile='gem "rspec"'),
        "test",
        "bundle exec rspec",
        "bundle config set --local path vendor/bundle && bundle install",
    ),
    (
        found("composer.lock", composer_DOT_json="{}"),
        "test",
        "vendor/bin/phpunit --log-junit junit.xml",
        "composer install --no-interaction",
    ),
    (found("uv.lock", Makefile="all:\n\ntest: all\n\tx\n", pyproject_DOT_toml=PYPROJECT), "test", "make test", "uv sync --frozen"),
    (found(justfile="test *args:\n  x\n"), "test", "just test", ""),
]


@pytest.mark.parametrize(("gates", "name", "command", "setup"), CASES)
def test_the_projects_own_tools_are_used(gates: dict[str, Proposed], name: str, command: str, setup: str) -> None:
    assert (gates[name].command, gates[name].setup) == (command, setup)
    if setup:
        assert gates[name].cache
        assert gates[name].locks


def test_levels_come_in_their_order() -> None:
    gates = CASES[0][0]
    assert [gate.level for gate in gates.values()] == ["syntax", "imports", "tests", "types"]
    assert gates["imports"].command == 'uv run --no-sync python -c "import my_lib"'
    assert gates["types"].command == "uv run --no-sync python -m mypy ."
    assert gates["test"].locks == ("uv.lock", "pyproject.toml")


@pytest.mark.parametrize(
    "contents", [{}, {"package_DOT_json": "{"}, {"package_DOT_json": "[]"}, {"Makefile": "test := 3\n"}, {"README_DOT_md": "x"}]
)
def test_nothing_is_made_up(contents: dict[str, str]) -> None:
    assert found(**contents) == {}


def test_two_languages_give_gates_of_their_own() -> None:
    gates = found("a.py", "conftest.py", "package-lock.json", package_DOT_json=PACKAGE)
    assert {gates["test"].command, gates["test2"].command} == {"python3 -m pytest -q --junitxml=junit.xml", "npm test"}
