"""A gate's word is weighed: flaky tests, failures the base has too, and tests as they were."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.run.conftest import Place, place

__all__ = ["place"]

PYTEST = json.dumps([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"])


def run(place: Place, settings: str, agent: str, files: dict[str, str], code: int) -> dict[str, Any]:
    """The one verdict on record."""
    for name, text in files.items():
        place.write(name, text)
    place.spec("TASK-001")
    place.config(f"[retry]\nattempts = 1\n[inspect]\noff = ['tests']\n[gates.test]\ncommand = {PYTEST}\n{settings}", agent=agent)
    place.run("run", "--all", code=code)
    (verdict,) = place.json("show", "TASK-001")["attempts"][0]["verdicts"]
    assert isinstance(verdict, dict)
    return verdict


OLD = {"tests/test_old.py": "def test_old(): assert 0, 'since always'\n\ndef test_well(): pass\n", "a.py": "x = 1\n"}


def test_what_failed_on_the_base_too_is_not_held_against_a_change(place: Place) -> None:
    verdict = run(place, "baseline = true", "echo y > b.txt", OLD, 0)
    assert verdict["verdict"] == "pass"
    assert "nothing new fails: 1 failed on the base" in verdict["summary"]
    assert "test_old.py::test_old" in verdict["evidence"]
    assert place.landed() == ["TASK-001"]
    assert len(list((place.root / ".chargehand" / "baseline").iterdir())) == 2


def test_what_fails_anew_is_told_from_what_is_old(place: Place) -> None:
    agent = "printf 'def test_new(): assert 0\\n' > tests/test_new.py"
    verdict = run(place, "baseline = true", agent, OLD, 1)
    assert verdict["verdict"] == "fail"
    assert verdict["summary"].startswith("1 new: tests/test_new.py::test_new; 1 failed on the base as well")


def test_without_a_baseline_every_failure_counts(place: Place) -> None:
    assert run(place, "", "echo y > b.txt", OLD, 1)["verdict"] == "fail"


def test_flaky_is_a_word_of_its_own(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    mark = tmp_path_factory.mktemp("outside") / "mark"
    text = f"import pathlib\n\ndef test_a():\n    mark = pathlib.Path('{mark}')\n"
    text += "    seen = mark.exists()\n    mark.touch()\n    assert seen\n"
    verdict = run(place, "retries = 2", "echo y > b.txt", {"tests/test_flaky.py": text}, 0)
    assert verdict["verdict"] == "pass"
    assert verdict["summary"].startswith("flaky: passed at try 2")
    assert "try 1: fail" in verdict["evidence"]
    assert "try 2: pass" in verdict["evidence"]


WEAK = "printf 'import a\\n\\ndef test_a(): assert a.x == 2\\n' > tests/test_a.py; echo 'x = 2' > a.py"
GOOD = {"tests/test_a.py": "import a\n\ndef test_a(): assert a.x == 1\n", "a.py": "x = 1\n"}


def test_a_change_has_to_pass_with_the_tests_as_they_were(place: Place) -> None:
    verdict = run(place, 'tests = "base"', WEAK, GOOD, 1)
    assert verdict["verdict"] == "fail"
    assert "does not pass with tests/test_a.py as it was" in verdict["summary"]
    assert place.landed() == []


def test_one_that_does_lands_with_its_own_tests(place: Place) -> None:
    more = "printf 'import a\\n\\ndef test_a(): assert a.x == 1\\n\\ndef test_b(): assert a.x\\n' > tests/test_a.py"
    verdict = run(place, 'tests = "base"', more, GOOD, 0)
    assert verdict["verdict"] == "pass"
    assert verdict["summary"].endswith("also with tests/test_a.py as it was")
    assert "test_b" in place.git("show", "main:tests/test_a.py")
