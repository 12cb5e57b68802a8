"""Specs of others, from the file to landed commits and back into the file: with the real command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.run.conftest import Place

ROADMAP = (
    "# R\r\n\r\n## Phase 1: A\r\n\r\n* [ ]  **Alpha**: make it \r\n    - [ ] deep\r\n\r\n"
    "## Phase 2\r\n\r\n> **Prerequisite**: Phase 1\r\n\r\n1. [ ] Omega"
)


@pytest.fixture
def place(git_repo: Callable[..., Path]) -> Place:
    """An empty project with one commit."""
    return Place(git_repo())


def test_a_roadmap_is_ticked_in_the_landed_commits_and_nothing_else_of_it_changes(place: Place) -> None:
    place.write("ROADMAP.md", ROADMAP)
    place.config('spec = "ROADMAP.md"')
    place.run("run", "--all")
    assert [name.partition("-")[0] for name in place.landed()] == ["alpha", "omega"]
    assert (place.root / "ROADMAP.md").read_bytes().decode() == ROADMAP.replace("[ ]", "[x]")
    assert place.git("status", "--porcelain") == ""
    assert place.git("show", "HEAD~1:ROADMAP.md").count("[x]") == 2


def test_a_spec_of_many_files_is_ticked_in_each_and_what_agents_do_to_it_is_undone(place: Place) -> None:
    for number, needs in ((1, "[]"), (2, "[task-1]")):
        text = f"---\nid: task-{number}\ntitle: T {number}\nstatus: To Do\ndependencies: {needs}\n---\n\nDo it.\n"
        place.write(f"backlog/tasks/task-{number} - T.md", text)
    place.config('spec = "backlog"', agent='echo x > "$CHARGEHAND_TASK_ID" && echo "status: Done" >> "backlog/tasks/task-2 - T.md"')
    place.run("run", "--all")
    assert place.landed() == ["task-1", "task-2"]
    for number in (1, 2):
        assert place.read(f"backlog/tasks/task-{number} - T.md").count("status: Done") == 1
        assert "status: To Do" not in place.read(f"backlog/tasks/task-{number} - T.md")
    assert place.git("show", "HEAD~1:backlog/tasks/task-2 - T.md").count("status: To Do") == 1


def test_a_spec_git_does_not_carry_is_ticked_in_place(place: Place) -> None:
    place.write(".gitignore", "ROADMAP.md\n")
    place.write("ROADMAP.md", ROADMAP)
    place.config('spec = "ROADMAP.md"')
    place.run("run", "--all")
    assert (place.root / "ROADMAP.md").read_bytes().decode() == ROADMAP.replace("[ ]", "[x]")


def test_an_orchestrator_file_has_no_ticks_and_runs_once(place: Place) -> None:
    text = "tasks:\n  - name: one\n    command: echo 1 > 1.txt\n  - name: two\n    command: echo 2 > 2.txt\n    depends_on: [one]\n"
    place.write("orchestrator.yaml", text)
    place.config('spec = "orchestrator.yaml"')
    place.run("run", "--all")
    assert place.landed() == ["one", "two"]
    assert place.read("orchestrator.yaml") == text
    place.run("run", "--all")
    assert place.landed() == ["one", "two"]
