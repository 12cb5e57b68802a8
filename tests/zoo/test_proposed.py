"""``init`` shows the gates it proposes, and what it writes can be used as it is."""

from __future__ import annotations

from tests.run.conftest import Place, place

__all__ = ["place"]


def test_init_proposes_gates_and_shows_them(place: Place) -> None:
    place.write("pyproject.toml", '[project]\nname = "lib"\n[dependency-groups]\ndev = ["pytest"]\n')
    place.write("uv.lock", "version = 1\n")
    place.write("lib/__init__.py", "")
    place.write("tests/test_a.py", "def test_a(): pass\n")
    said = place.run("init").stdout
    assert "tests: uv run --no-sync python -m pytest -q --junitxml=junit.xml (pytest, with uv)" in said
    assert "chargehand trust" in said
    text = place.read("chargehand.toml")
    assert text.index("[gates.syntax]") < text.index("[gates.imports]") < text.index("[gates.test]")
    assert 'cache = [".venv"]' in text
    asked = place.run("config", "show", code=2).stderr  # the network is not a project's own to give
    assert "gates.test.network" in asked
    assert asked.count("error: `") == 3


def test_gates_of_init_judge_a_run(place: Place) -> None:
    place.write(
        "tests/test_a.py",
        "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        self.assertTrue(int('1'))\n",
    )
    place.write("tests/__init__.py", "")
    place.spec("TASK-001")
    place.run("init")
    written = place.read("chargehand.toml")
    gates = written[written.index("[gates.") :]
    place.config(gates)
    place.run("run", "--all")
    verdicts = place.json("show", "TASK-001")["attempts"][0]["verdicts"]
    assert [(one["gate"], one["verdict"]) for one in verdicts] == [("syntax", "pass"), ("test", "pass")]
    assert "1 passed" in verdicts[1]["summary"]
