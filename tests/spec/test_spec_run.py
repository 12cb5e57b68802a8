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


def test_an_orchestrator_file_has_no_ticks_runs_once_and_gets_its_logs_and_summary(place: Place, tmp_path: Path) -> None:
    text = (
        "runners: {sh: {command: 'cat {prompt} && cp {prompt} 2.txt'}}\nlogs_dir: work/logs\ntasks:\n"
        "  - name: one\n    command: echo said one && echo 1 > 1.txt\n"
        "  - name: two\n    runner: sh\n    prompt: two.md\n    depends_on: [one]\n    log: work/{phase}/{task}-{run_id}.txt\n"
        "  - name: three\n    command: echo said three && echo 3 > 3.txt\n    log: away/three.log\n"
        "  - name: four\n    command: echo said four && echo 4 > 4.txt\n    log: two.md\n"
        "  - {name: five, phase: post, command: echo never}\n"
    )
    (tmp_path / "elsewhere").mkdir()
    (place.root / "away").symlink_to(tmp_path / "elsewhere")
    place.write("two.md", "Do the second thing.\n")
    place.write("orchestrator.yaml", text)
    place.config('spec = "orchestrator.yaml"')
    told = place.run("run", "--all")
    assert sorted(place.landed()) == ["four", "one", "three", "two"]
    assert place.read("work/logs/one.log") == "said one\n"
    (log,) = (place.root / "work/main").glob("two-*.txt")
    assert "Do the second thing." in log.read_text()
    assert "- one (one): OK" in place.read("work/docs/orchestrator-run-summary.md")
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "away/three.log is not written: a link on the way leads elsewhere" in told.stdout + told.stderr
    assert place.read("two.md") == "Do the second thing.\n"
    assert "two.md is not written: git keeps this file" in told.stdout + told.stderr
    assert place.read("orchestrator.yaml") == text
    place.run("run", "--all")
    assert len(place.landed()) == 4
