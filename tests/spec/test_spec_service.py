"""Finding and reading a spec in a project: files, folders, prefixes, the cache, and the library's two functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand.model.errors import SpecProblem
from chargehand.service import specs
from chargehand.service.library import load_spec, ready_tasks
from chargehand.service.project import Project
from chargehand.spec import sections

TASKS = """### TASK-001: One
P1 | DONE | Est: 1h
### TASK-002: Two
P2 | TODO | Est: 1h
**Traces to:** [REQ-001]
**Depends on:** [TASK-001]
### TASK-003: Three
P0 | TODO
**Depends on:** [TASK-002]
### TASK-004: Four
P3 | IN_PROGRESS | Est: 1h
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "tasks.md").write_text(TASKS)
    return Project(tmp_path)


def test_documents_beside_a_spec_and_its_prefix(project: Project) -> None:
    folder = project.root / "spec"
    (folder / "auth-tasks.md").write_text(TASKS)
    (folder / "requirements.md").write_text("#### REQ-001: All\nOne.\n")
    (folder / "auth-requirements.md").write_text("- **REQ-001**: WHEN asked THE SYSTEM SHALL answer.\n")
    (folder / "constitution.md").write_text("Never lie.\n")
    plain = specs.read(project, "spec/tasks.md")
    prefixed = specs.read(project, specs.with_prefix("spec/tasks.md", "auth-"))
    assert plain.sections["REQ-001"].text == "#### REQ-001: All\nOne."
    assert (prefixed.path, prefixed.sections["REQ-001"].path) == ("spec/auth-tasks.md", "spec/auth-requirements.md")
    assert "SHALL answer" in prefixed.sections["REQ-001"].text
    assert prefixed.sections["constitution"].text == "Never lie."
    assert set(specs.outline(project, "spec/tasks.md")) == {"REQ-001"}


def test_a_folder_with_one_spec_and_one_with_several(project: Project) -> None:
    assert specs.read(project, "spec").path == "spec/tasks.md"
    for name in ("001-a", "002-b"):
        (project.root / "specs" / name).mkdir(parents=True)
        (project.root / "specs" / name / "tasks.md").write_text(TASKS)
    assert specs.read(project, "specs/001-a").path == "specs/001-a/tasks.md"
    with pytest.raises(SpecProblem, match="holds 2 specs") as caught:
        specs.read(project, "specs")
    assert "specs/001-a/tasks.md, specs/002-b/tasks.md" in caught.value.hint
    with pytest.raises(SpecProblem, match="no spec"):
        specs.read(project, "nowhere")


def test_a_spec_in_many_files(project: Project) -> None:
    folder = project.root / "backlog" / "tasks"
    folder.mkdir(parents=True)
    for number, needs in ((1, "[]"), (2, "[task-1]")):
        text = f"---\nid: task-{number}\ntitle: T {number}\nstatus: To Do\ndependencies: {needs}\n---\n\n## Description\n\nDo it.\n"
        (folder / f"task-{number} - T.md").write_text(text)
    spec = specs.read(project, "backlog")
    assert (spec.format, len(spec.tasks), len(spec.all_files())) == ("backlog", 2, 2)
    one, two = spec.tasks
    assert two.needs == (one.id,)
    assert spec.file_of(two) == "backlog/tasks/task-2 - T.md"


def test_what_was_read_is_kept_by_its_content(project: Project) -> None:
    first = specs.read(project, "spec/tasks.md")
    assert not project.state.exists()  # nothing is left in a project that is not ours yet
    project.prepare()
    assert specs.read(project, "spec/tasks.md") == first
    kept = project.state / specs.CACHE
    assert kept.is_file()
    again, problems = specs.check(project, "spec/tasks.md")
    assert again == first
    assert problems == first.warnings != ()
    (project.root / "spec" / "requirements.md").write_text("#### REQ-001: All\n")
    assert "REQ-001" in specs.read(project, "spec/tasks.md").sections
    (project.root / "spec" / "tasks.md").write_text(TASKS.replace("TODO", "DONE"))
    assert [task.status for task in specs.read(project, "spec/tasks.md").tasks] == ["done", "done", "done", "in_progress"]
    (project.root / "spec" / "tasks.md").write_text("### TASK-001: bad\n")
    assert specs.check(project, "spec/tasks.md")[0] is None


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x93\xc4\x20"])
def test_a_broken_cache_is_no_matter(project: Project, content: bytes) -> None:
    project.prepare()
    first = specs.read(project, "spec/tasks.md")
    whole = (project.state / specs.CACHE).read_bytes()
    for broken in (content, whole[:-10], whole[:60] + content):
        (project.state / specs.CACHE).write_bytes(broken)
        assert specs.read(project, "spec/tasks.md") == first


def test_a_format_by_name_and_one_nobody_knows(project: Project) -> None:
    assert specs.read(project, "spec/tasks.md", "spec-runner").format == "spec-runner"
    with pytest.raises(SpecProblem) as caught:
        specs.read(project, "spec/tasks.md", "spec-runer")
    assert caught.value.problems[0].hint == "did you mean spec-runner?"


def test_the_library(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    spec = load_spec()
    assert load_spec(project.root / "spec" / "tasks.md", root=project.root) == spec
    assert [task.id for task in ready_tasks(spec)] == ["TASK-004", "TASK-002"]
    assert [task.id for task in ready_tasks(spec, done={"TASK-002"})] == ["TASK-004", "TASK-003"]
    with pytest.raises(SpecProblem):
        load_spec("nothing.md")


@pytest.mark.parametrize("content", [b"x" * 5_000_000, b"#### REQ-001: All\n" * 200_000])
def test_a_document_that_is_too_large_is_not_used_and_that_is_said(project: Project, content: bytes) -> None:
    (project.root / "spec" / "requirements.md").write_bytes(content)
    spec, problems = specs.check(project, "spec/tasks.md")
    assert spec is not None
    assert not spec.sections
    assert [problem.path for problem in problems if problem.code == "too-large"] == ["spec/requirements.md"]
    assert not [problem for problem in problems if problem.code == "unknown-trace"]
    assert not specs.outline(project, "spec/tasks.md")
    assert specs.MAX_DOCUMENT == sections.MAX_DOCUMENT
