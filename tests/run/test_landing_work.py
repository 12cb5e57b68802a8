"""The main job: tasks become landed commits, in order, with what they need inside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Place


def test_a_diamond_lands_in_order_each_task_seeing_what_it_needs(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", "TASK-003 P1 after TASK-001", "TASK-004 P1 after TASK-002 TASK-003")
    place.config(agent='mkdir -p out seen && ls out > "seen/$CHARGEHAND_TASK_ID" && echo x > "out/$CHARGEHAND_TASK_ID"')
    events = place.events("--all")
    assert events[-1]["event"] == "run.finished"
    assert events[-1]["state"] == "finished"
    order = place.landed()
    assert order[0] == "TASK-001"
    assert order[-1] == "TASK-004"
    assert sorted(order[1:3]) == ["TASK-002", "TASK-003"]
    assert place.read("seen/TASK-004").split() == ["TASK-001", "TASK-002", "TASK-003"]
    assert place.git("status", "--porcelain") == ""


def test_one_commit_per_task_with_subject_and_trailers_on_a_linear_history(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(agent='echo a > "$CHARGEHAND_TASK_ID" && git add -A && git commit -qm one && echo b >> "$CHARGEHAND_TASK_ID"')
    before = place.git("rev-parse", "main")
    place.run("run", "--all")
    commits = place.git("rev-list", f"{before}..main").split()
    assert len(commits) == 2
    for commit in commits:
        assert len(place.git("rev-list", "--parents", "-n1", commit).split()) == 2
        task = place.git("log", "-1", "--format=%(trailers:key=Chargehand-Task,valueonly)", commit).strip()
        assert place.git("log", "-1", "--format=%s", commit) == f"{task}: Do {task.lower()}"
        assert place.git("log", "-1", "--format=%(trailers:key=Chargehand-Run,valueonly)", commit).strip() == "r1"
        assert place.git("log", "-1", "--format=%(trailers:key=Chargehand-Attempt,valueonly)", commit).strip() == "1"
        assert place.git("log", "-1", "--format=%an <%ae>", commit) == "Tester <tester@example.invalid>"
    assert place.read("TASK-001") == "a\nb\n"


def test_what_the_agent_committed_itself_stays_reachable(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent="echo a > a && git add -A && git commit -qm mine && echo b > b")
    place.run("run")
    ref = place.json("show", "TASK-001")["attempts"][0]["ref"]
    log = place.git("--git-dir", ".chargehand/depot.git", "log", "--format=%s", ref).splitlines()
    assert "mine" in log


def test_merge_landing_keeps_the_agents_commits_in_history(place: Place) -> None:
    place.spec("TASK-001")
    place.config('landing = "merge"', agent="echo a > a && git add -A && git commit -qm mine")
    place.run("run")
    assert len(place.git("rev-list", "--parents", "-n1", "main").split()) == 3
    assert "mine" in place.git("log", "--format=%s", "main").splitlines()


def test_the_spec_is_ticked_in_the_landed_commit_and_whatever_the_agent_wrote_there_is_dropped(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent='echo x > "$CHARGEHAND_TASK_ID"; sed -i "s/TODO/DONE/; s/\\[ \\]/[x]/" spec/tasks.md')
    place.run("run")
    text = place.git("show", "main:spec/tasks.md")
    first, second = text.split("### TASK-002")
    assert "✅ DONE" in first
    assert "- [x]" in first
    assert "⬜ TODO" in second
    assert "- [ ]" in second
    changed = place.git("show", "--name-only", "--format=", "main").split()
    assert sorted(changed) == ["TASK-001", "spec/tasks.md"]


def test_a_spec_git_does_not_track_is_ticked_in_place(place: Place) -> None:
    place.write(".gitignore", "spec/\n")
    place.spec("TASK-001", "TASK-002")
    place.config()
    place.run("run", "--all")
    assert place.read("spec/tasks.md").count("✅ DONE") == 2
    assert "spec/tasks.md" not in place.git("ls-files")
    assert place.landed() == ["TASK-001", "TASK-002"] or sorted(place.landed()) == ["TASK-001", "TASK-002"]


def test_run_takes_the_next_ready_task_only(place: Place) -> None:
    place.spec("TASK-001 P2", "TASK-002 P0", "TASK-003 P1")
    place.config()
    place.run("run")
    assert place.landed() == ["TASK-002"]
    place.run("run")
    assert place.landed() == ["TASK-002", "TASK-003"]


def test_run_task_takes_that_one_and_says_what_it_waits_for(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", "TASK-003")
    place.config()
    place.run("run", "--task", "TASK-003")
    assert place.landed() == ["TASK-003"]
    refused = place.run("run", "--task", "TASK-002", code=2)
    assert "waits for TASK-001" in refused.stderr
    unknown = place.run("run", "--task", "TASK-01", code=2)
    assert "did you mean TASK-001?" in unknown.stderr
    place.run("run", "--task", "TASK-003")  # landed already: nothing is paid again
    assert place.json("status")["totals"]["attempts"] == 1


def test_dry_run_changes_nothing_at_all(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()

    def everything() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(place.root.rglob("*")) if path.is_file()}

    before = everything()
    out = place.run("run", "--all", "--dry-run").stdout
    assert [line.split()[0] for line in out.splitlines()] == ["TASK-001", "TASK-002"]
    planned = place.json("run", "--all", "--dry-run")
    assert [task["id"] for task in planned["tasks"]] == ["TASK-001", "TASK-002"]
    assert everything() == before


def test_the_brief_carries_requirements_and_design_and_comes_on_stdin_and_as_a_file(place: Place) -> None:
    requirements = "# R\n\n#### REQ-001: Greeting\nThe program greets politely.\n\n#### REQ-002: Other\nNo.\n"
    place.write("spec/requirements.md", requirements)
    place.write("spec/design.md", "# D\n\n### DESIGN-001: Shape\nOne module.\n")
    head = "# T\n\n### TASK-001: Greet\n🔴 P0 | ⬜ TODO\n\nSay hello.\n\n"
    place.write("spec/tasks.md", f"{head}**Checklist:**\n- [ ] polite\n\n**Traces to:** [REQ-001], [DESIGN-001]\n")
    place.write(
        "chargehand.toml",
        'agent = "fake"\n[agents.fake]\nmodel = "m1"\n'
        'command = ["/bin/sh", "-c", "cat > got.md; cmp got.md $0 && echo $1 > model", "{prompt_file}", "{model}"]\n',
    )
    place.commit()
    place.run("run")
    brief = place.read("got.md")
    for expected in ("TASK-001", "Greet", "Say hello.", "polite", "The program greets politely.", "One module."):
        assert expected in brief
    assert "REQ-002" not in brief
    assert place.read("model") == "m1\n"


def test_the_agent_knows_task_attempt_and_run_and_nothing_of_the_users_secrets(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent="env > env.txt")
    place.run("run", env={"OPENAI_API_KEY": "sk-very-secret", "AWS_SECRET_ACCESS_KEY": "hidden"})
    seen = place.read("env.txt")
    assert "CHARGEHAND_TASK_ID=TASK-001" in seen
    assert "CHARGEHAND_ATTEMPT=1" in seen
    assert "CHARGEHAND_RUN_ID=r1" in seen
    assert "secret" not in seen.lower()
    assert "hidden" not in seen


def test_usage_the_agent_reports_is_on_the_bill(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        agent="""echo x > $CHARGEHAND_TASK_ID; echo '{"usage": {"input_tokens": 100, "output_tokens": 20}, "cost_usd": 0.25}'"""
    )
    place.run("run", "--all")
    status = place.json("status")
    assert status["totals"]["cost_usd"] == pytest.approx(0.5)
    assert (status["totals"]["input_tokens"], status["totals"]["output_tokens"]) == (200, 40)
    costs = place.json("costs")
    assert costs["total"] == {"calls": 2, "unmeasured": 0, "input_tokens": 200, "output_tokens": 40, "cost_usd": 0.5}
    assert "$0.50" in place.run("costs").stdout or "$0.5000" in place.run("costs").stdout


def test_two_tasks_that_change_one_file_in_different_places_both_land(place: Place) -> None:
    place.write("both.txt", "".join(f"line {number}\n" for number in range(40)))
    place.spec("TASK-001", "TASK-002")
    place.config(
        '[gates.test]\ncommand = "grep -q line both.txt"',
        agent='n=${CHARGEHAND_TASK_ID#TASK-00}; sleep 0.3; sed -i "$((n * 15))s/.*/line of $CHARGEHAND_TASK_ID/" both.txt',
    )
    place.run("run", "--all")
    text = place.read("both.txt")
    assert "line of TASK-001" in text
    assert "line of TASK-002" in text


def test_a_conflict_sends_the_task_back_to_be_done_on_the_new_base(place: Place) -> None:
    place.write("one.txt", "start\n")
    place.spec("TASK-001", "TASK-002")
    place.config(agent='sleep 0.4; sed -i "1s/\\$/ $CHARGEHAND_TASK_ID/" one.txt')
    events = place.events("--all")
    ended = [event for event in events if event["event"] == "attempt.ended"]
    assert [event["outcome"] for event in ended] == ["conflict"]
    assert sorted(place.read("one.txt").split()) == ["TASK-001", "TASK-002", "start"]


def test_work_goes_on_in_a_worktree_of_the_depot_too(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('workspace = "worktree"')
    place.run("run", "--all")
    assert place.landed() == ["TASK-001", "TASK-002"]
    assert not (place.root / ".git" / "worktrees").exists()


def test_in_place_the_agent_works_in_the_users_own_files(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('workspace = "in-place"', agent='pwd > where.txt; echo x > "$CHARGEHAND_TASK_ID"')
    place.run("run", "--all")
    assert place.landed() == ["TASK-001", "TASK-002"]
    assert Path(place.read("where.txt").strip()) == place.root
    assert place.git("status", "--porcelain") == ""


def test_with_exit_evidence_an_exit_code_is_enough_and_nothing_else_is_committed(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('evidence = "exit"', agent="true")
    place.run("run", "--all")
    assert set(place.states().values()) == {"landed"}
    assert place.git("show", "main:spec/tasks.md").count("DONE") == 2
    assert place.git("diff", "--name-only", "HEAD~2", "HEAD") == "spec/tasks.md"


def test_commands_in_place_need_no_git_at_all(tmp_path: Path) -> None:
    here = Place(tmp_path)
    here.write(
        "spec/tasks.md",
        "### TASK-001: Check\n🔴 P0 | ⬜ TODO\n\n### TASK-002: Report\n🔴 P0 | ⬜ TODO\n\n**Depends on:** [TASK-001]\n",
    )
    here.write(
        "chargehand.toml",
        'workspace = "in-place"\nevidence = "exit"\n[agents.sh]\n'
        'command = ["/bin/sh", "-c", "echo $CHARGEHAND_TASK_ID >> log.txt"]\n',
    )
    here.run("run", "--all")
    assert here.read("log.txt").split() == ["TASK-001", "TASK-002"]
    assert here.read("spec/tasks.md").count("DONE") == 2


def test_plain_lines_in_a_pipe_and_a_summary(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "test -e out/TASK-001.txt"')
    out = place.run("run", "--all").stdout
    assert "TASK-001  fake begins" in out
    assert "gate test: pass" in out
    assert "TASK-001  landed as" in out
    assert "run r1: finished, all 1 tasks landed" in out
    assert "\x1b" not in out


def test_every_event_is_numbered_and_the_last_one_ends_the_run(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    events = place.events("--all")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["schema_version"] for event in events} == {1}
    assert events[0]["event"] == "run.started"
    assert events[-1]["event"] == "run.finished"
    assert json.dumps(events)  # plain JSON values throughout


def test_a_file_that_was_only_touched_does_not_keep_work_from_the_users_checkout(place: Place) -> None:
    place.spec("TASK-001")
    place.config('evidence = "exit"', agent="true")
    (place.root / "spec/tasks.md").touch()  # as after a copy or a restore: another time, the same content
    done = place.run("run", "--all").stdout
    assert "has changes of its own" not in done
    assert place.read("spec/tasks.md").count("DONE") == 1
    assert place.git("status", "--porcelain") == ""


def test_when_all_is_done_nothing_is_opened_and_the_past_stays_in_sight(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.run("run", "--all")
    again = place.events("--all")
    assert [event["event"] for event in again] == ["run.finished"]
    assert "nothing to do" in again[0]["reason"]
    assert place.json("status")["run"]["id"] == "r1"
    text = place.read("spec/tasks.md")
    place.write("spec/tasks.md", text + "\n### TASK-002: More\n🟠 P1 | ⬜ TODO\n")
    place.commit("more")
    place.run("run", "--all")
    status = place.json("status")
    assert status["run"]["id"] == "r2"
    assert place.git("log", "-1", "--format=%s", status["tasks"][0]["commit"]) == "TASK-001: Do task-001"
    assert [attempt["id"] for attempt in place.json("show", "TASK-001")["attempts"]] == ["r1.TASK-001.1"]
    assert place.landed() == ["TASK-001", "TASK-002"]
