"""``chargehand task``: the tasks listed, counted, drawn; and marked in their file, where not a byte more changes."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from chargehand.model.errors import UsageProblem
from chargehand.process.files import rewrite
from chargehand.service.marking import tick
from chargehand.service.project import Project
from chargehand.service.tasks import Known, Wanted, listing
from chargehand.spec.load import check, load
from tests.run.conftest import Place
from tests.run.test_terminal import watch
from tests.spec.format_kit import corpus_files, needs_corpus, real_path
from tests.spec.spec_room import CORPUS

from .conftest import TASKS, valid


def ids(place: Place, *args: str) -> list[str]:
    return [task["id"] for task in valid("task-list", place.json("task", *args))["tasks"]]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), ["TASK-001", "TASK-002", "TASK-003"]),
        (Wanted(priorities=("P1", "P2")), ["TASK-002", "TASK-003"]),
        (Wanted(milestone="FIRST"), ["TASK-001"]),
        (Wanted(text="whatever is DONE"), ["TASK-001"]),
        (Wanted(text="task-003"), ["TASK-003"]),
        (Wanted(statuses=("done",)), []),
        (Wanted(statuses=("done", "todo"), ready=True), ["TASK-001", "TASK-003"]),
        (Wanted(ready=True, milestone="second"), ["TASK-003"]),
        (Wanted(tag="web"), ["TASK-003"]),
        (Wanted(tag="we"), []),
    ],
)
def test_filters_hold_together_and_each_takes_one_of_several(wanted: Wanted, names: list[str]) -> None:
    spec = load(('+++\n[tasks.TASK-003]\ntags = ["Web"]\n+++\n' + TASKS).encode(), "tasks.md")
    assert [task["id"] for task in listing(Known(spec, {}), wanted)["tasks"]] == names


def test_the_filters_of_the_command_line(traced: Place) -> None:
    assert ids(traced, "list", "--priority", "P1", "-p", "p2", "--milestone", "second", "--text", "print") == ["TASK-002"]
    assert ids(traced, "list", "--ready", "--status", "todo", "-s", "done", "--priority", "p2") == ["TASK-003"]
    assert ids(traced, "list", "--tag", "x") == []


def test_the_list_says_what_the_file_says_and_what_the_run_made_of_it(traced: Place) -> None:
    before = traced.json("task", "list")["tasks"]
    assert [(task["status"], task["state"], task["waits_for"]) for task in before] == [
        ("todo", None, []), ("todo", None, ["TASK-001"]), ("todo", None, []),
    ]  # fmt: skip
    traced.run("run", "--task", "TASK-001")
    after = traced.json("task", "list")["tasks"]
    assert [(task["status"], task["state"], task["ready"]) for task in after] == [
        ("done", "landed", False), ("todo", "ready", True), ("todo", "ready", True),
    ]  # fmt: skip
    assert after[0]["ticked"] == after[0]["items"] == 2


def test_lines_for_people(traced: Place) -> None:
    lines = traced.run("task", "ls").stdout.splitlines()
    assert re.fullmatch(r"TASK-002\s+P1\s+todo\s+-\s+1d\s+0/1\s+Printing\s+waits for TASK-001", lines[2])
    assert traced.run("task", "list", "--status", "done").stdout == "no task is like that\n"
    left = "nothing is ready: 0 of 3 tasks are done; chargehand task list tells what the others wait for\n"
    assert traced.run("task", "next", "--priority", "p3").stdout == left
    shown = traced.run("task", "show", "task-001").stdout
    assert "   2 [ ] it splits\n" in shown
    assert "needed by: TASK-002" in shown
    assert "spec/tasks.md:5" in shown


def test_show_tells_everything_the_spec_says(traced: Place) -> None:
    told = valid("task-show", traced.json("task", "show", "TASK-001"))
    assert told["checklist"][1] == {"number": 2, "text": "it splits", "done": False, "test": False}
    assert (told["needed_by"], told["traces"]) == (["TASK-002"], ["DESIGN-001"])
    assert "did you mean" in traced.run("task", "show", "TASK-0", code=2).stderr


def test_next_is_what_a_run_would_take(place: Place) -> None:
    place.spec("TASK-001 P2", "TASK-002 P0 after TASK-003", "TASK-003 P3", "TASK-004 P1", "TASK-005 P3 after TASK-001")
    place.config()
    planned = [task["id"] for task in place.json("run", "--all", "--dry-run")["tasks"]]
    following = ids(place, "next")
    assert following == [name for name in planned if name in {"TASK-001", "TASK-003", "TASK-004"}]
    assert following[0] == "TASK-003", "it inherits P0"
    assert ids(place, "next", "-n", "1") == ["TASK-003"]
    place.run("task", "start", "TASK-001")
    assert ids(place, "next", "-n", "1") == ["TASK-001"], "what is under way first"


def test_stats_count_hours_and_find_the_longest_chain(traced: Place) -> None:
    told = valid("task-stats", traced.json("task", "stats"))
    assert (told["tasks"], told["ready"], told["by_status"], told["by_priority"]) == (
        3,
        2,
        {"todo": 3},
        {"P0": 1, "P1": 1, "P2": 1},
    )
    assert (told["hours"], told["hours_done"]) == (11.0, 0.0)
    assert (told["critical_path"], told["critical_hours"]) == (["TASK-001", "TASK-002"], 10.0)
    assert [one["tasks"] for one in told["milestones"]] == [1, 2]
    traced.run("task", "done", "TASK-001", "--force")
    told = traced.json("task", "stats")
    assert (told["hours_done"], told["critical_path"], told["critical_hours"]) == (2.0, ["TASK-002"], 8.0)
    assert "longest chain of work left: 1d, TASK-002" in traced.run("task", "stats").stdout


def test_the_graph_in_three_forms(traced: Place) -> None:
    told = valid("task-graph", traced.json("task", "graph"))
    assert told["edges"] == [{"needs": "TASK-001", "task": "TASK-002", "critical": True}]
    assert [node["id"] for node in told["tasks"] if node["critical"]] == ["TASK-001", "TASK-002"]
    text = traced.run("task", "graph").stdout
    assert re.search(r"^\* TASK-002 .*Printing  <- TASK-001$", text, re.MULTILINE)
    assert "* longest chain of work: 10h, TASK-001 > TASK-002\n" in text
    mermaid = traced.run("task", "graph", "--format", "mermaid").stdout
    assert mermaid.startswith("flowchart LR\n")
    assert '  n1["TASK-003: Clean up"]:::todo\n' in mermaid
    assert "  n0 ==> n2\n" in mermaid
    dot = traced.run("task", "graph", "--format", "dot").stdout
    assert '  "TASK-001" -> "TASK-002" [color="#d02020", penwidth=3];\n' in dot
    only = traced.json("task", "graph", "--milestone", "second")
    assert (only["edges"], only["critical_path"]) == ([], ["TASK-002"])


def test_titles_cannot_break_out_of_a_drawing(place: Place) -> None:
    evil = 'Say "hi"]; click n0 href \\ <b>&amp; `x` --> end'
    place.write("spec/tasks.md", f"### TASK-001: {evil}\n🔴 P0 | ⬜ TODO\n")
    mermaid = place.run("task", "graph", "--format", "mermaid").stdout.splitlines()[1]
    label = re.fullmatch(r'  n0\["([^"\[\]<>`;&]*(?:#[0-9]+;[^"\[\]<>`;&]*)*)"\]:::todo', mermaid)
    assert label is not None
    assert re.sub(r"#([0-9]+);", lambda match: chr(int(match[1])), label[1]) == f"TASK-001: {evil}"
    dot = place.run("task", "graph", "--format", "dot").stdout
    node = re.search(r'"TASK-001" \[label=("(?:[^"\\]|\\.)*"), fillcolor', dot)
    assert node is not None
    assert node[1][1:-1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\") == f"TASK-001\n{evil}"


def test_a_long_chain_is_drawn_and_counted(place: Place) -> None:
    lines = [f"### T-{n}: t\nP1 | TODO\n\n**Depends on:** {f'[T-{n - 1}]' if n else '—'}\n" for n in range(5000)]
    place.write("spec/tasks.md", "\n".join(lines))
    told = place.json("task", "graph")
    assert len(told["critical_path"]) == 5000
    assert "4989 more" in place.run("task", "stats").stdout


# --- marking ---------------------------------------------------------------------------------------------------------------


def test_a_status_changes_and_nothing_else(traced: Place) -> None:
    file = traced.root / "spec/tasks.md"
    before = ("\ufeff" + traced.read("spec/tasks.md").replace("\n", "\r\n")).encode()
    file.write_bytes(before)
    file.chmod(0o640)
    told = valid("task-marked", traced.json("task", "start", "TASK-001"))
    assert (told["status"], told["changed"], told["path"]) == ("in_progress", True, "spec/tasks.md")
    assert file.read_bytes() == before.replace("⬜ TODO | Est: 2h".encode(), "🔄 IN_PROGRESS | Est: 2h".encode())
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert traced.json("task", "start", "TASK-001")["changed"] is False
    traced.run("task", "block", "TASK-001")
    traced.run("task", "done", "TASK-001", "--force")
    done = before.replace("⬜ TODO | Est: 2h".encode(), "✅ DONE | Est: 2h".encode())
    assert file.read_bytes() == done.replace(b"- [ ] it adds", b"- [x] it adds").replace(b"- [ ] it splits", b"- [x] it splits")
    assert sorted(path.name for path in file.parent.iterdir()) == ["design.md", "requirements.md", "tasks.md"]
    assert not (traced.root / ".chargehand").exists()


def test_items_are_ticked_one_by_one(traced: Place) -> None:
    before = traced.read("spec/tasks.md")
    told = valid("task-marked", traced.json("task", "check", "TASK-001", "2"))
    assert (told["ticked"], told["items"], told["changed"]) == (1, 2, True)
    assert traced.read("spec/tasks.md") == before.replace("- [ ] it splits", "- [x] it splits")
    assert traced.json("task", "check", "TASK-001", "2")["changed"] is False
    traced.run("task", "check", "TASK-001", "2", "--undo")
    assert traced.read("spec/tasks.md") == before
    assert "has no item 3: its checklist has 2 items" in traced.run("task", "check", "TASK-001", "3", code=2).stderr
    assert "has no item 0" in traced.run("task", "check", "TASK-001", "0", code=2).stderr


def test_what_must_not_be_yet_is_refused_unless_forced(traced: Place) -> None:
    before = traced.read("spec/tasks.md")
    assert "TASK-002 waits for TASK-001" in traced.run("task", "start", "TASK-002", code=2).stderr
    assert "2 items of TASK-001 are open: 1, 2" in traced.run("task", "done", "TASK-001", code=2).stderr
    assert traced.read("spec/tasks.md") == before
    for number in ("1", "2"):
        traced.run("task", "check", "TASK-001", number)
    traced.run("task", "done", "TASK-001")
    assert "TASK-001 is done" in traced.run("task", "start", "TASK-001", code=2).stderr
    traced.run("task", "start", "TASK-002")
    traced.run("task", "start", "TASK-001", "--force")


def test_while_an_engine_works_tasks_can_be_read_and_not_marked(traced: Place) -> None:
    gate = traced.root.parent / "go"
    traced.config(agent=f"while ! test -e {gate}; do sleep 0.05; done; echo x > $CHARGEHAND_TASK_ID")
    engine = traced.start("run", "--all", "--json")
    try:
        assert engine.stdout is not None
        while "attempt.claimed" not in engine.stdout.readline():
            pass
        before = traced.read("spec/tasks.md")
        assert "in use by" in traced.run("task", "done", "TASK-003", "--force", code=6).stderr
        assert "in use by" in traced.run("task", "check", "TASK-001", "1", code=6).stderr
        assert traced.read("spec/tasks.md") == before
        assert {task["state"] for task in traced.json("task", "list")["tasks"]} == {"working", "waiting"}
        assert traced.json("verify", code=1)["findings"][0]["code"] == "running"
    finally:
        gate.touch()
        engine.communicate(timeout=60)
    assert engine.returncode == 0


ROADMAP = "# Roadmap\n\n## Phase 1: First\n\n- [ ] Make the money type\n  - [ ] it adds\n- [ ] Print it\n"
BACKLOG = "---\nid: task-{n}\ntitle: Thing {n}\nstatus: To Do\n---\n\n## Acceptance Criteria\n\n- [ ] #1 it works\n"


def test_other_formats_are_marked_in_their_own_way(place: Place) -> None:
    place.write("ROADMAP.md", ROADMAP)
    first = ids(place, "list", "--spec", "ROADMAP.md")[0]
    place.run("task", "check", first, "1", "--spec", "ROADMAP.md")
    assert place.read("ROADMAP.md") == ROADMAP.replace("- [ ] it adds", "- [x] it adds")
    place.run("task", "done", first, "--spec", "ROADMAP.md")
    assert place.read("ROADMAP.md") == ROADMAP.replace("- [ ] it adds", "- [x] it adds").replace("[ ] Make", "[x] Make")
    for number in (1, 2):
        place.write(f"backlog/tasks/task-{number} - Thing.md", BACKLOG.format(n=number))
    name = ids(place, "list", "--spec", "backlog")[1]
    place.run("task", "start", name, "--spec", "backlog")
    assert place.read("backlog/tasks/task-1 - Thing.md") == BACKLOG.format(n=1)
    assert place.read("backlog/tasks/task-2 - Thing.md") == BACKLOG.format(n=2).replace("To Do", "In Progress")


def test_a_format_without_a_place_for_it_says_so_and_is_left_alone(place: Place) -> None:
    text = '{"runners": {}, "tasks": [{"name": "A", "command": "true"}]}'
    place.write("orchestrator.json", text)
    said = place.run("task", "start", "A", "--spec", "orchestrator.json", code=2).stderr
    assert "has no place to say that A is in_progress (its format is orchestrator)" in said
    prd = '{"userStories": [{"id": "US-1", "title": "A", "acceptanceCriteria": ["it works"], "passes": false, "priority": 1}]}'
    place.write("prd.json", prd)
    assert "has no place to tick that item of US-1" in place.run("task", "check", "US-1", "1", "--spec", "prd.json", code=2).stderr
    assert (place.read("orchestrator.json"), place.read("prd.json")) == (text, prd)


def test_a_task_that_stands_for_others_is_marked_by_marking_these(place: Place) -> None:
    parts: list[dict[str, object]] = [
        {"id": number, "title": f"Part {number}", "status": "pending", "dependencies": []} for number in (1, 2)
    ]
    whole = {"id": 1, "title": "Whole", "status": "pending", "dependencies": [], "subtasks": parts}
    place.write("tasks/tasks.json", json.dumps({"tasks": [whole]}, indent=2))
    before = place.read("tasks/tasks.json")
    assert "1 stands for 1.1, 1.2" in place.run("task", "done", "1", "--spec", "tasks/tasks.json", code=2).stderr
    assert place.read("tasks/tasks.json") == before
    place.run("task", "done", "1.2", "--spec", "tasks/tasks.json")
    told = place.json("task", "list", "--spec", "tasks/tasks.json")["tasks"]
    assert [task["status"] for task in told] == ["todo", "todo", "done"]


@needs_corpus
@pytest.mark.parametrize("folder", sorted(path.name for path in CORPUS.iterdir() if path.is_dir()) if CORPUS.is_dir() else [])
def test_in_files_as_people_write_them_one_character_is_ticked_or_nothing_changes(folder: str, tmp_path: Path) -> None:
    ticked = 0
    for place, name in enumerate(corpus_files(folder)):
        data = (CORPUS / folder / name).read_bytes()
        spec, _ = check(data, real_path(folder, name))
        task = next((one for one in spec.tasks if any(not item.done for item in one.checklist)), None) if spec else None
        if spec is None or task is None:
            continue
        project = Project(tmp_path / str(place))
        file = project.root / spec.path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        number = next(number for number, item in enumerate(task.checklist, 1) if not item.done)
        try:
            tick(project, Known(spec, {}), task.id, number)
        except UsageProblem:
            assert file.read_bytes() == data
            continue
        new = file.read_bytes()
        assert [(old, fresh) for old, fresh in zip(data, new, strict=True) if old != fresh] == [(ord(" "), ord("x"))]
        ticked += 1
    assert ticked or folder not in {"spec-runner", "roadmap", "backlog-md"}


def test_a_file_somebody_writes_meanwhile_is_read_again_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "tasks.md"
    file.write_bytes(b"one\n")
    link = tmp_path / "link.md"
    link.symlink_to(file)
    seen = []

    def change(old: bytes) -> bytes:
        seen.append(old)
        if len(seen) < 3:
            fresh = tmp_path / "fresh"
            fresh.write_bytes(old + b"somebody's\n")
            fresh.replace(file)
        return old.replace(b"one", b"two")

    assert rewrite(link, change) is True
    assert seen == [b"one\n", b"one\nsomebody's\n", b"one\nsomebody's\nsomebody's\n"]
    assert file.read_bytes() == b"two\nsomebody's\nsomebody's\n"
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.md", "tasks.md"]


def test_on_a_terminal_the_list_fits_and_no_title_touches_it(traced: Place) -> None:
    text = traced.read("spec/tasks.md").replace("### TASK-002: Printing", "### TASK-002: Evil \x1b]0;owned\x07 " + "word " * 30)
    traced.write("spec/tasks.md", text)
    for args in (("show", "TASK-002"), ("graph",)):
        screens, written, code = watch(traced, "task", *args, columns=70)
        assert code == 0
        assert b"\x1b]0;" not in written
    screens, written, _ = watch(traced, "task", "list", columns=70)
    assert b"\x1b]0;" not in written
    assert any(line.startswith("TASK-003") for line in screens[-1])
    assert "waits for" in "\n".join(screens[-1])
    plain = watch(traced, "task", "list", columns=70, env={"NO_COLOR": "1"})[1]
    assert b"\x1b" not in plain
    assert all(len(line) <= 70 for line in plain.decode().splitlines())
