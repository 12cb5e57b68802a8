"""The files people really write: read whole, or refused at the right place. Counts were taken by hand."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from chargehand.spec.load import check
from chargehand.spec.spec_runner import parse
from chargehand.spec.writeback import mark_many

CORPUS = Path(os.environ.get("CHARGEHAND_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus")
FOLDER = CORPUS / "spec-runner"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no corpus in {CORPUS} (set CHARGEHAND_CORPUS)")

READ = {
    "andrei-shtanakov__Maestro__1.md": (21, {"done": 21}),
    "andrei-shtanakov__Maestro__2.md": (21, {"done": 8, "in_progress": 1, "todo": 12}),
    "andrei-shtanakov__arbiter__1.md": (15, {}),
    "andrei-shtanakov__atp-platform__1.md": (52, {}),
    "andrei-shtanakov__atp-platform__2.md": (22, {}),
    "andrei-shtanakov__atp-platform__3.md": (22, {}),
    "andrei-shtanakov__atp-platform__5.md": (13, {}),
    "andrei-shtanakov__atp-platform__6.md": (13, {}),
    "andrei-shtanakov__atp-platform__7.md": (10, {}),
    "andrei-shtanakov__discovery__1.md": (16, {}),
    "andrei-shtanakov__discovery__2.md": (16, {}),
    "andrei-shtanakov__dispatcher__1.md": (20, {}),
    "andrei-shtanakov__dispatcher__2.md": (9, {}),
    "andrei-shtanakov__kapelle__1.md": (8, {}),
    "andrei-shtanakov__kapelle__2.md": (7, {}),
    "andrei-shtanakov__proctor__1.md": (9, {}),
    "andrei-shtanakov__proctor__2.md": (13, {}),
    "andrei-shtanakov__steward__1.md": (12, {}),
    "andrei-shtanakov__steward__2.md": (7, {}),
    "andrei-shtanakov__spec-runner__1.md": (7, {}),
    "andrei-shtanakov__spec-runner__2.md": (11, {}),
    "andrei-shtanakov__spec-runner__3.md": (1, {}),
    "andrei-shtanakov__spec-runner-vscode__1.md": (2, {}),
    "andrei-shtanakov__spec-runner-vscode__2.md": (1, {}),
    "andrei-shtanakov__devtools__1.md": (2, {}),
}

REFUSED = {
    "andrei-shtanakov__Maestro__3.md": ({"task-meta": 34}, 65),
    "andrei-shtanakov__atp-platform__4.md": ({"unreadable-needs": 2}, 408),
    "andrei-shtanakov__spec-runner__4.md": ({"task-estimate": 7, "unknown-need": 4}, 63),
    "MoruApp__ai-web__1.md": ({"task-meta": 22}, 16),
    "DeliberateCode__System2-DataArch__1.md": ({"other-format": 1}, 67),
    "achadr__linkvault__1.md": ({"other-format": 1}, 10),
    "CoderCoop__GravityLoop__1.md": ({"other-format": 1}, 12),
    "RohSungKyun__jibuff__1.md": ({"other-format": 1}, 9),
}


@pytest.mark.parametrize("name", sorted(READ))
def test_files_that_are_read(name: str) -> None:
    spec, problems = check((FOLDER / name).read_bytes(), name)
    assert spec is not None, problems
    count, statuses = READ[name]
    assert len(spec.tasks) == count
    if statuses:
        assert Counter(task.status for task in spec.tasks) == statuses


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_files_that_are_refused(name: str) -> None:
    spec, problems = check((FOLDER / name).read_bytes(), name)
    found = [problem for problem in problems if problem.severity == "error"]
    codes, line = REFUSED[name]
    assert spec is None
    assert Counter(problem.code for problem in found) == codes
    assert found[0].line == line
    assert all(problem.hint for problem in found)


def test_every_tasks_file_of_the_corpus_is_accounted_for() -> None:
    index = json.loads((CORPUS / "index.json").read_text("utf-8"))
    tasks = {Path(entry["file"]).name for entry in index if entry["format"] == "spec-runner" and entry["kind"] == "tasks"}
    assert tasks <= {*READ, *REFUSED}


@pytest.mark.parametrize("name", sorted(READ))
def test_marking_all_done_keeps_every_other_byte(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    tasks, _ = parse(data.decode("utf-8"), name)
    changed, missing = mark_many(data, {task.id: ("done", True) for task in tasks})
    assert not missing
    after, _ = parse(changed.decode("utf-8"), name)
    assert {task.status for task in after} == {"done"}
    assert all(item.done for task in after for item in task.checklist)
    assert [task.digest for task in after] == [task.digest for task in tasks]
    changed_lines = sum(1 for a, b in zip(data.split(b"\n"), changed.split(b"\n"), strict=True) if a != b)
    open_boxes = sum(not item.done for task in tasks for item in task.checklist)
    assert changed_lines == open_boxes + sum(task.status != "done" for task in tasks)


def test_needs_in_real_files() -> None:
    def needs(name: str) -> dict[str, tuple[str, ...]]:
        return {task.id: task.needs for task in parse((FOLDER / name).read_text("utf-8"), name)[0]}

    games = needs("andrei-shtanakov__atp-platform__3.md")
    assert games["TASK-909"] == ("TASK-901", "TASK-904", "TASK-905", "TASK-906", "TASK-907", "TASK-908")
    assert games["TASK-922"] == tuple(f"TASK-{number}" for number in range(901, 922))
    assert needs("andrei-shtanakov__proctor__1.md")["TASK-003"] == ("TASK-001", "TASK-002")
    assert needs("andrei-shtanakov__discovery__1.md")["TASK-014"] == ("TASK-001",)
    warnings = check((FOLDER / "andrei-shtanakov__atp-platform__3.md").read_bytes(), "t.md")[1]
    assert Counter(problem.code for problem in warnings) == {"asymmetric-blocks": 2}
