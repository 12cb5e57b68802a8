"""Taking back what a task landed: a commit that is judged and lands like any other, or a refusal that says why."""

from __future__ import annotations

from tests.run.conftest import Place

WRITES = 'mkdir -p out && echo "$CHARGEHAND_TASK_ID" > "out/$CHARGEHAND_TASK_ID.txt"'


def test_what_a_task_landed_is_taken_back_and_the_spec_says_so(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('[gates.test]\ncommand = "test -d out"', agent=WRITES)
    place.run("run", "--all")
    place.run("undo", "TASK-001")
    assert place.landed()[-1] == "undo-TASK-001"
    assert not (place.root / "out/TASK-001.txt").exists()
    assert (place.root / "out/TASK-002.txt").exists()
    assert place.git("status", "--porcelain") == ""
    spec = place.read("spec/tasks.md")
    assert (spec.count("DONE"), spec.count("TODO")) == (1, 1)
    states = place.states()
    assert (states["TASK-001"], states["TASK-002"], states["undo-TASK-001"]) == ("needs_human", "landed", "landed")
    assert "taken back by undo-TASK-001" in place.json("why", "TASK-001")["reason"]
    verdicts = place.json("show", "undo-TASK-001")["attempts"][0]["verdicts"]
    assert ("test", "pass") in [(one["gate"], one["verdict"]) for one in verdicts]
    assert place.json("show", "undo-TASK-001")["attempts"][0]["cost_usd"] is None


def test_a_task_taken_back_can_be_done_again_and_taken_back_again(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()
    place.run("run", "--task", "TASK-001")
    place.run("undo", "TASK-001")
    refused = place.run("run", "--task", "TASK-002", code=2)
    assert "waits for TASK-001" in refused.stderr
    place.run("retry", "TASK-001")
    place.run("undo", "TASK-001")
    place.run("retry", "TASK-001")
    place.run("run", "--all")
    assert place.landed() == ["TASK-001", "undo-TASK-001", "TASK-001", "undo-TASK-001-2", "TASK-001", "TASK-002"]


def test_it_stays_taken_back_in_the_next_run(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config()
    place.run("run", "--all")
    place.run("undo", "TASK-001")
    place.run("skip", "TASK-001")
    place.run("run", "--all")
    place.spec("TASK-001", "TASK-002", "TASK-003")
    place.run("run", "--all")
    assert place.states()["TASK-001"] != "landed"
    assert not (place.root / "out/TASK-001.txt").exists()


def test_what_gates_reject_stays(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "test -e out/TASK-001.txt"')
    place.run("run", "--all")
    refused = place.run("undo", "TASK-001", code=1)
    assert "undo-TASK-001  failed: gate test" in refused.stdout
    assert place.states()["TASK-001"] == "landed"
    assert (place.root / "out/TASK-001.txt").exists()


def test_a_conflict_is_named_and_can_be_tried_again_later(place: Place) -> None:
    place.write("one.txt", "start\n")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent='sed -i "1s/\\$/ $CHARGEHAND_TASK_ID/" one.txt')
    place.run("run", "--all")
    refused = place.run("undo", "TASK-001", code=1)
    assert "cannot be taken back: what landed since changes the same places in one.txt" in refused.stdout
    assert place.read("one.txt") == "start TASK-001 TASK-002\n"
    place.run("undo", "TASK-002")
    place.run("undo", "TASK-001")
    assert place.read("one.txt") == "start\n"


def test_only_what_landed_with_a_commit_can_be_taken_back(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('evidence = "exit"', agent='test "$CHARGEHAND_TASK_ID" = TASK-001')
    place.run("run", "--task", "TASK-001")
    assert "TASK-002 is ready, not landed" in place.run("undo", "TASK-002", code=2).stderr
    place.config()
    place.run("run", "--task", "TASK-002")
    place.run("undo", "TASK-002")
    assert "chargehand retry TASK-002" in place.run("undo", "undo-TASK-002", code=2).stderr
    assert "there is no task TASK-009" in place.run("undo", "TASK-009", code=2).stderr


def test_a_running_engine_takes_back_too(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent=f'{WRITES}; test "$CHARGEHAND_TASK_ID" = TASK-001 || until test -e {place.root}/go; do sleep 0.05; done')
    with place.start("run", "--all") as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "TASK-002  fake begins" in line)
        assert place.json("undo", "TASK-001")["handed_over"]
        next(line for line in process.stdout if "undo-TASK-001  landed" in line)
        place.write("go", "")
        process.stdout.read()
    assert set(place.landed()) == {"TASK-001", "undo-TASK-001", "TASK-002"}
    assert not (place.root / "out/TASK-001.txt").exists()


def test_on_a_branch_of_its_own_too(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('integration = "branch"')
    place.run("run", "--all")
    place.run("undo", "TASK-001")
    assert place.git("ls-tree", "--name-only", "chargehand/r2", "out/") == "out/TASK-002.txt"
