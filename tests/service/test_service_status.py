"""The status of a run that is in the ledger: of many tasks those that matter, and little is loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chargehand.model import facts
from chargehand.ports import TaskRow
from chargehand.service.project import Project
from chargehand.service.status import status
from chargehand.store.sqlite import SqliteStore

STATES = dict(zip("ABCDEFGHI", ["landed", "landed", "failed", "todo", "todo", "working", "todo", "landed", "skipped"], strict=True))
NEEDS = {"D": ("A", "I", "GONE"), "E": ("A", "C", "F"), "G": ("B",)}
TAGS = {"B": ("ui",), "C": ("db", "slow"), "G": ("UI",)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.prepare()
    (tmp_path / "chargehand.toml").touch()
    rows = [row(name, place) for place, name in enumerate(STATES)]
    started = facts.RunStarted(
        run="r1", spec="spec/tasks.md", spec_digest="d", target="main", base="", agent="a", jobs=2, version="1"
    )
    store = SqliteStore.open(made.ledger)
    store.commit("r1", 1.0, [started], rows)
    store.close()
    return made


def row(name: str, place: int) -> TaskRow:
    return TaskRow(
        name,
        place,
        f"Title {name}",
        1,
        NEEDS.get(name, ()),
        STATES[name],
        "why",
        1,
        None,
        None,
        None,
        0.0,
        "",
        None,
        "M",
        TAGS.get(name, ()),
    )


def listed(project: Project, states: tuple[str, ...] = (), most: int | None = None, tags: tuple[str, ...] = ()) -> list[str]:
    seen = status(project, states, most, tags)
    assert seen is not None
    assert seen["totals"]["tasks"] == len(STATES)
    assert seen["totals"]["by_state"] == {
        "landed": 3, "working": 1, "ready": 2, "waiting": 1, "failed": 1, "skipped": 1
    }  # fmt: skip
    return [task["id"] for task in seen["tasks"]]


def test_of_too_many_tasks_those_that_need_attention_are_told_in_the_order_of_the_file(project: Project) -> None:
    assert listed(project) == listed(project, most=9) == list(STATES)
    assert listed(project, most=1) == ["F"]
    assert listed(project, most=4) == ["C", "D", "F", "G"]
    assert listed(project, most=7) == ["A", "C", "D", "E", "F", "G", "I"]
    assert listed(project, most=0) == []


def test_states_choose_among_all(project: Project) -> None:
    assert listed(project, ("landed", "waiting")) == ["A", "B", "E", "H"]
    assert listed(project, ("landed", "waiting"), most=2) == ["A", "E"]
    assert listed(project, ("queued",)) == []


def test_tags_choose_among_all(project: Project) -> None:
    assert listed(project, tags=("UI",)) == ["B", "G"]
    assert listed(project, tags=("db", "ui"), most=2) == ["C", "G"]
    assert listed(project, ("landed",), tags=("ui",)) == ["B"]
    assert listed(project, tags=("other",)) == []


def test_the_reason_goes_with_the_task(project: Project) -> None:
    seen = status(project, most=6)
    assert seen is not None
    told = {task["id"]: (task["state"], task["reason"], task["title"]) for task in seen["tasks"]}
    assert told["E"] == ("waiting", "waiting for C (failed), F", "Title E")
    assert told["D"] == ("ready", "why", "Title D")
    assert told["F"][1].startswith("why; no engine is running")


LOADED = """
import sys
before = set(sys.modules)
from chargehand.doors.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*(set(sys.modules) - before), sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (["--version"], {"argparse", "apsw", "pathlib"}),
        (["--help"], {"argparse", "apsw", "pathlib"}),
        (["status"], {"rich", "chargehand.ports", "chargehand.spec", "chargehand.engine"}),
    ],
)
def test_little_is_loaded_to_answer(project: Project, words: list[str], never: set[str]) -> None:
    heavy = never | {"dataclasses", "typing", "asyncio", "subprocess", "logging", "msgspec"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED, *words], cwd=project.root, capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert heavy.isdisjoint(done.stderr.split())
