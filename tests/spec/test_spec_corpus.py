"""The files people really write: read whole, or refused at the right place, as counted by eye or by another script."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from tests.spec.spec_room import CORPUS, EXPECTED, expected, parse

from chargehand.spec.lines import cut, mask
from chargehand.spec.load import check
from chargehand.spec.reading import read
from chargehand.spec.report import Report
from chargehand.spec.writeback import mark_many

FOLDER = CORPUS / "spec-runner"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no corpus in {CORPUS} (set CHARGEHAND_CORPUS)")

INDEX = json.loads((CORPUS / "index.json").read_text("utf-8")) if FOLDER.is_dir() else []
PATHS = {entry["file"]: entry["path"] for entry in INDEX}
COUNTED = [(path.stem, name, count) for path in sorted(EXPECTED.glob("*.json")) for name, count in expected(path.stem).items()]
READ = [(name, file) for name, file, count in COUNTED if count != "refused"]
FOLDERS = {"backlog": "backlog-md"}
KINDS = {"tasks", "fixture", "template", "roadmap", "config", "prd", "issues"}

REFUSED = {
    "andrei-shtanakov__Maestro__3.md": ({"task-meta": 34}, 65),
    "andrei-shtanakov__atp-platform__4.md": ({"unreadable-needs": 2}, 408),
    "andrei-shtanakov__spec-runner__4.md": ({"task-estimate": 7, "unknown-need": 4}, 63),
    "MoruApp__ai-web__1.md": ({"task-meta": 22}, 16),
}


_CRUDE = re.compile(r"\s*(?:[-*+]|\d+[.)])\s*\[[ xX]?\]\s+\S")
_TOLD = {"no-id", "no-box", "stray-box", "description"}

OWN = sorted(name for name, count in expected("spec-runner").items() if count != "refused" and "andrei" in name)


@pytest.mark.parametrize(("name", "file", "count"), COUNTED, ids=[f"{name}/{file}" for name, file, _ in COUNTED])
def test_as_many_tasks_as_a_person_counts(name: str, file: str, count: int | str) -> None:
    where = f"{FOLDERS.get(name, name)}/{file}"
    data = (CORPUS / where).read_bytes()
    spec, problems = check(data, PATHS[where])
    errors = [problem for problem in problems if problem.severity == "error"]
    if count == "refused":
        assert spec is None
        assert errors
        assert all(problem.message and problem.hint for problem in errors)
        return
    assert spec is not None, errors[:3]
    assert len(spec.tasks) == count


@pytest.mark.parametrize(("name", "file"), READ, ids=[f"{name}/{file}" for name, file in READ])
def test_what_is_marked_done_reads_as_done_and_nothing_else_changes(name: str, file: str) -> None:
    where = f"{FOLDERS.get(name, name)}/{file}"
    data = (CORPUS / where).read_bytes()
    spec, _ = check(data, PATHS[where])
    assert spec is not None
    changed, missing = mark_many(data, {task.id: ("done", True) for task in spec.tasks}, spec.format)
    after, _ = read(spec.format, {PATHS[where]: changed.decode("utf-8")})
    assert [task.id for task in after] == [task.id for task in spec.tasks]
    assert [task.digest for task in after] == [task.digest for task in spec.tasks]
    assert all(task.status == "done" for task in after if task.id not in missing)
    assert mark_many(changed, {task.id: ("done", True) for task in spec.tasks}, spec.format)[0] == changed
    assert mark_many(data, {}, spec.format)[0] == data


def test_enough_files_of_the_corpus_are_counted() -> None:
    for path in EXPECTED.glob("*.json"):
        folder = FOLDERS.get(path.stem, path.stem)
        files = {entry["file"].partition("/")[2] for entry in INDEX if entry["format"] == folder and entry["kind"] in KINDS}
        assert files <= expected(path.stem).keys(), path.stem
    assert sum(len(expected(path.stem, "by eye")) for path in EXPECTED.glob("*.json")) >= 40


@pytest.mark.parametrize("file", sorted(file for file in PATHS if file.endswith(".md") and "backlog" not in file))
def test_no_box_is_passed_over_in_silence(file: str) -> None:
    data = (CORPUS / file).read_bytes()
    spec, problems = check(data, PATHS[file])
    if spec is None:
        return
    read_ = {task.span.line for task in spec.tasks} | {item.span.line for task in spec.tasks for item in task.checklist}
    lines = mask(cut(data.decode("utf-8")), Report("", cut(data.decode("utf-8")))).view
    lost = [n for n, line in enumerate(lines, 1) if _CRUDE.match(line) and n not in read_]
    assert not lost or any(problem.code in _TOLD for problem in problems), lost


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_files_that_are_refused(name: str) -> None:
    spec, problems = check((FOLDER / name).read_bytes(), name, format_name="spec-runner")
    found = [problem for problem in problems if problem.severity == "error"]
    codes, line = REFUSED[name]
    assert spec is None
    assert Counter(problem.code for problem in found) == codes
    assert found[0].line == line
    assert all(problem.hint for problem in found)


@pytest.mark.parametrize("name", OWN)
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
