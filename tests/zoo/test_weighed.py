"""A gate's word is weighed: flaky tests, failures the base has too, and tests as they were."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import Place, place

__all__ = ["place"]

UNITTEST = json.dumps([sys.executable, "-m", "unittest", "discover", "-v", "-s", "tests"])


def cases(*bodies: str, before: str = "") -> str:
    """A test module; of each test its name and what it does: ``a: assert 1``."""
    lines = [f"    def test_{name}(self): {does}" for name, _, does in (body.partition(": ") for body in bodies)]
    return "\n".join(["import unittest", "import a", before, "class T(unittest.TestCase):", *lines, ""])


def writes(file: str, text: str) -> str:
    """The shell command of an agent that writes a file."""
    return f"cat > {file} <<'END'\n{text}END\n"


def run(place: Place, settings: str, agent: str, files: dict[str, str], code: int) -> dict[str, Any]:
    """The last verdict on record."""
    for name, text in files.items():
        place.write(name, text)
    place.spec("TASK-001")
    place.own("[inspect]\noff = ['tests']\n")
    place.config(f"[retry]\nattempts = 1\n[gates.test]\ncommand = {UNITTEST}\n{settings}", agent=agent)
    place.run("run", "--all", code=code)
    verdict = place.json("show", "TASK-001")["attempts"][0]["verdicts"][-1]
    assert isinstance(verdict, dict)
    return verdict


OLD = {"tests/test_old.py": cases("old: assert 0", "well: pass"), "a.py": "x = 1\n"}


def test_what_failed_on_the_base_too_is_not_held_against_a_change(place: Place) -> None:
    verdict = run(place, "baseline = true", "echo y > b.txt", OLD, 0)
    assert verdict["verdict"] == "pass"
    assert "nothing new fails: 1 failed on the base" in verdict["summary"]
    assert "test_old.T.test_old" in verdict["evidence"]
    assert place.landed() == ["TASK-001"]
    assert len(list((place.root / ".chargehand" / "baseline").iterdir())) == 2


def test_what_fails_anew_is_told_from_what_is_old(place: Place) -> None:
    agent = writes("tests/test_new.py", cases("new: assert 0"))
    verdict = run(place, "baseline = true", agent, OLD, 1)
    assert verdict["verdict"] == "fail"
    assert verdict["summary"].startswith("1 new: test_new.T.test_new; 1 failed on the base as well")


def test_without_a_baseline_every_failure_counts(place: Place) -> None:
    assert run(place, "", "echo y > b.txt", OLD, 1)["verdict"] == "fail"


def test_flaky_is_a_word_of_its_own(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    mark = tmp_path_factory.mktemp("outside") / "mark"
    text = cases("a: m = pathlib.Path(MARK); seen = m.exists(); m.touch(); assert seen", before=f"import pathlib; MARK = '{mark}'")
    verdict = run(place, "retries = 2", "echo y > b.txt", {"tests/test_flaky.py": text, "a.py": ""}, 0)
    assert verdict["verdict"] == "pass"
    assert verdict["summary"].startswith("flaky: passed at try 2")
    assert "try 1: fail" in verdict["evidence"]
    assert "try 2: pass" in verdict["evidence"]


GOOD = {"tests/test_a.py": cases("a: assert a.x == 1"), "a.py": "x = 1\n"}
WEAK = writes("tests/test_a.py", cases("a: assert a.x == 2")) + "echo 'x = 2' > a.py"


def test_a_change_has_to_pass_with_the_tests_as_they_were(place: Place) -> None:
    verdict = run(place, "", WEAK, GOOD, 1)
    assert (verdict["gate"], verdict["verdict"]) == ("inspect.base", "fail")
    assert "gate test does not pass with tests/test_a.py as it was" in verdict["summary"]
    assert place.landed() == []


def test_one_that_does_lands_with_its_own_tests(place: Place) -> None:
    more = writes("tests/test_a.py", cases("a: assert a.x == 1", "b: assert a.x"))
    verdict = run(place, "", more, GOOD, 0)
    assert (verdict["gate"], verdict["verdict"]) == ("inspect.base", "pass")
    assert verdict["summary"] == "passes with tests/test_a.py as it was too"
    assert "test_b" in place.git("show", "main:tests/test_a.py")


FEWER = {
    "tests/test_a.py": cases("b: assert 1", before="class O(unittest.TestCase):\n  if a.x:\n    def test_a(self): assert 1"),
    "a.py": "x = 1\n",
}


def test_fewer_collected_than_on_the_base_is_a_verdict_of_its_own(place: Place) -> None:
    """No test is touched, and none fails: a line elsewhere takes one out of the run."""
    verdict = run(place, "", "echo 'x = 0' > a.py", FEWER, 1)
    assert (verdict["gate"], verdict["verdict"]) == ("inspect.collected", "fail")
    assert verdict["summary"] == "gate test: test_a.O.test_a is not collected any more"
    assert verdict["findings"][0]["severity"] == "critical"
    assert place.landed() == []


HELD = {"tests/test_a.py": cases("a: assert a.double(2) == 4"), "a.py": "def double(n): ...\n"}
HIDDEN = "import a\nimport sys\nok = a.double(21) == 42\nprint('expected 42') if not ok else None\nsys.exit(not ok)\n"
GATES = f"\n[gates.hidden]\ncommand = ['{sys.executable}', '-c', 'import hidden.check']\nheld_out = ['hidden']\n"


def hide(place: Place) -> None:
    place.write(".gitignore", "hidden\n")
    place.write("hidden/check.py", HIDDEN)


def test_outputs_written_down_do_not_pass_what_was_held_out(place: Place) -> None:
    """The agent sees only one of two tests, and writes its answer down; it also tries to replace the other."""
    hide(place)
    agent = (
        "test ! -e hidden && mkdir hidden && touch hidden/check.py && git add -f hidden && echo 'def double(n): return 4' > a.py"
    )
    verdict = run(place, GATES, agent, HELD, 1)
    assert (verdict["gate"], verdict["verdict"]) == ("hidden", "fail")
    assert "expected 42" not in json.dumps(verdict)
    assert "expected 42" in Path(verdict["log"]).read_text()


def test_who_does_the_work_passes_what_was_held_out(place: Place) -> None:
    hide(place)
    assert run(place, GATES, "echo 'def double(n): return 2 * n' > a.py", HELD, 0)["gate"] == "hidden"
    assert place.landed() == ["TASK-001"]


def test_a_person_may_let_pass_what_the_base_speaks_against(place: Place) -> None:
    """Both verdicts at once, and neither gate nor person is asked again for it."""
    files = {**FEWER, "tests/test_c.py": cases("c: assert a.x == 1")}
    weak = "echo 'x = 0' > a.py; " + writes("tests/test_c.py", cases("c: assert a.x == 0"))
    overrule = "\n[approval]\ngates = ['inspect.base', 'inspect.collected']\n"
    assert run(place, overrule, weak, files, 4)["gate"] == "inspect.base"
    place.run("approve", "TASK-001")
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]
    said = [verdict["gate"] for verdict in place.json("show", "TASK-001")["attempts"][0]["verdicts"]]
    assert said == ["test", "inspect.collected", "inspect.base", "human"]
