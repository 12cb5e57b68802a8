"""The engine dies between landing a commit and noting it, and the user commits before the next run: the worst moment there is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.chaos.scenario import Project, Scenario
from tests.torture.torture import FAULTY


def run(project: Project, number: int, how: str = "die after", only: str = "") -> tuple[int, list[str]]:
    log = project.outside / "calls"
    log.unlink(missing_ok=True)
    plan = json.dumps({"layer": "depot", "number": number, "how": how, "log": str(log), "only": only})
    done = subprocess.run(
        [sys.executable, FAULTY, plan, "run", "--all"], cwd=project.root, env={**os.environ, "NO_COLOR": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert number or not done.returncode, done.stdout + done.stderr
    return done.returncode, log.read_text().split()


def test_what_landed_unnoted_is_not_done_again_after_a_commit_of_the_user(tmp_path: Path) -> None:
    scenario = Scenario(0, pause=0.0)
    scenario.tasks, scenario.pauses = {"TASK-001": ((), "plain")}, {"TASK-001": 0.0}
    for folder in ("peace", "trial"):
        (tmp_path / folder).mkdir()
    _, names = run(scenario.make(tmp_path / "peace"), 0)
    project = scenario.make(tmp_path / "trial")
    code, _ = run(project, names.index("land") + 1)
    assert code == -9
    project.write("mine.txt", "a commit of the user's\n")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "mine")
    run(project, 0)
    assert project.receipts().started == ["r1.TASK-001.1"]
    assert project.git("log", "--format=%(trailers:key=Chargehand-Task,valueonly)", "main").split() == ["TASK-001"]
    assert project.git("status", "--porcelain") == ""
    assert (project.root / "mine.txt").exists()


def test_plugins_hear_of_what_landed_just_before_the_engine_died(tmp_path: Path) -> None:
    """And only once when it died later than that."""
    scenario = Scenario(0, pause=0.0)
    scenario.tasks, scenario.pauses = {"TASK-001": ((), "plain")}, {"TASK-001": 0.0}
    project = scenario.make(tmp_path)
    told = project.outside / "told"
    hook = {"command": f"echo $CHARGEHAND_KEY $SR_TASK_STATUS $CHARGEHAND_COMMIT >> {told}"}
    project.write("spec/plugins/teller/plugin.yaml", json.dumps({"name": "teller", "hooks": {"post_done": hook}}))
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "a plugin")
    subprocess.run([sys.executable, "-m", "chargehand", "trust", "--yes"], cwd=project.root, check=True, capture_output=True)
    assert run(project, 1, only="land")[0] == -9
    assert not told.exists()
    for _ in range(2):
        assert run(project, 0)[0] == 0
    (line,) = told.read_text().splitlines()
    assert line.startswith("r1.TASK-001.1.post_done done ")
    assert len(line.split()[2]) == 40
