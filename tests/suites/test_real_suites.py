"""The suites of real packages as gates: `init` proposes them, a change that breaks something fails by the test's name, an
honest one lands, and what is collected is counted truly."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from chargehand.gates.reports.output import read
from tests.clis.programs import PLACE as PROGRAMS
from tests.replay.cutting import File, read_sdist, write_tree
from tests.replay.releases import CACHETOOLS
from tests.replay.replaying import Unavailable, download
from tests.run.conftest import Place, place

__all__ = ["place"]

PATH = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])}
PACKAGES = PROGRAMS.parent / "node_modules"


def missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def cachetools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, File]:
    """A release with its tests. Fetched before a test's own environment is cleaned: where pip looks is the user's affair."""
    try:
        return read_sdist(download(CACHETOOLS.package, *CACHETOOLS.old, tmp_path_factory.mktemp("sdist") / "old"))
    except Unavailable as reason:
        missing(str(reason))


def judge(place: Place, breaks: str, honest: str, setup: str = "") -> tuple[str, dict[str, Any], dict[str, Any]]:
    """What `init` proposed for the tests, and what the gate then said of a change that breaks something, and of an honest one."""
    place.git("add", "--all", "--force")
    place.commit("The package as it was published")
    place.run("init", env=PATH)
    gates = (written := place.read("chargehand.toml"))[written.index("[gates.") :]
    if setup:
        gates = re.sub(r"(?m)^setup = .*$", f"setup = {json.dumps(setup)}", gates.replace("network = true", "network = false"))
    place.spec("TASK-001", "TASK-002")
    shell = f'case "$CHARGEHAND_TASK_ID" in\nTASK-001) {breaks} ;;\nTASK-002) {honest} ;;\nesac'
    place.config(f'jobs = 1\ncage = "none"\n[retry]\nattempts = 1\n{gates}', agent=shell)
    place.run("run", "--all", code=1, env=PATH)
    assert place.landed() == ["TASK-002"]
    one, two = ({v["gate"]: v for v in place.json("show", f"TASK-00{n}")["attempts"][0]["verdicts"]} for n in (1, 2))
    assert all(verdict["verdict"] == "pass" for verdict in two.values())
    assert one["test"]["verdict"] == "fail"
    return gates, one["test"], two["test"]


TWICE = (
    "printf 'def twice(n):\\n    return 2 * n\\n' > src/cachetools/twice.py; "
    "printf 'import unittest\\nfrom cachetools.twice import twice\\n"
    "class T(unittest.TestCase):\\n    def test_twice(self): self.assertEqual(twice(2), 4)\\n' > tests/test_twice.py"
)
"""An honest change: a module, and its test."""


def test_a_python_package(place: Place, cachetools: dict[str, File]) -> None:
    write_tree(cachetools, place.root)
    argv = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": "src"}
    listed = subprocess.run(argv, cwd=place.root, env=environment, capture_output=True, text=True, check=True)
    told = re.search(r"^(\d+) tests collected", listed.stdout, re.MULTILINE)
    assert told
    gates, failed, passed = judge(
        place, "sed -i 's/move_to_end(key)/move_to_end(key, last=False)/' src/cachetools/__init__.py", TWICE
    )
    assert 'command = "PYTHONPATH=src python3 -m unittest discover -v -s tests -t ."' in gates
    assert "test_lru (tests.test_lru.LRUCacheTest.test_lru)" in failed["evidence"]
    assert passed["summary"].endswith(f" {int(told[1]) + 1} passed")


NODE = """const test = require('node:test'); const assert = require('node:assert');
test('adds', () => assert.equal(1 + 1, 2)); test('breaks', () => assert.equal(1, 2)); test('later', { skip: true }, () => {});
test.describe('group', () => { test('inner', () => {}); });"""


@pytest.mark.skipif(not (PROGRAMS / "node").exists(), reason="needs make agents")
@pytest.mark.parametrize("reporter", ["spec", "tap"])
def test_what_node_really_prints(tmp_path: Path, reporter: str) -> None:
    (tmp_path / "a.test.js").write_text(NODE)
    argv = [str(PROGRAMS / "node"), "--test", f"--test-reporter={reporter}"]
    said = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    told = read(said)
    assert told is not None
    assert (told.passed, told.failed, told.skipped, told.failures) == (2, 1, 1, ("breaks",))
    assert reporter == "tap" or told.ids == ("adds", "breaks", "later", "inner")


def test_a_package_of_npm(place: Place) -> None:
    if shutil.which("npm") is None or not (PACKAGES / "deep-equal").is_dir():
        missing("needs npm, and make agents")
    shutil.copytree(PACKAGES / "deep-equal", place.root, dirs_exist_ok=True)
    gates, failed, passed = judge(
        place,
        "sed -i 's/a === null || b === null/a === b/; s/actual === expected/actual == expected/' index.js",
        "printf \"var test = require('tape');\\ntest('own', function (t) { t.equal(1, 1, 'one'); t.end(); });\\n\" > test/own.js",
        setup=f"ln -s {PACKAGES} node_modules",
    )
    assert 'command = "npm test"' in gates
    assert "not ok" in failed["evidence"]
    assert read(Path(passed["log"]).read_text()).collected == 22  # type: ignore[union-attr]
    assert passed["summary"].endswith("22 passed")
