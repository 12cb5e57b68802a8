"""Specs and settings people wrote for other tools, run for real."""

from __future__ import annotations

import json

from .conftest import Place

WRITER = """
agent = "fake"
[agents.fake]
command = ["/bin/sh", "-c", 'mkdir -p out; echo done > "out/$CHARGEHAND_TASK_ID"']
"""


def test_the_settings_of_spec_runner_are_understood_and_each_key_is_accounted_for(place: Place) -> None:
    place.spec("TASK-001")
    place.write(
        "spec-runner.config.yaml",
        "claude_command: /bin/sh\ncommand_template: '{cmd} -c \"mkdir out; echo hi > out/f\"'\nmax_retries: 5\n"
        "test_command: test -f out/f\nlog_level: debug\n",
    )
    place.commit()
    shown = place.json("config", "show")
    notes = {note["key"]: note["outcome"] for note in shown["translated"]}
    assert set(notes) == {"claude_command", "command_template", "max_retries", "test_command", "log_level"}
    assert notes["log_level"] == "no effect"
    assert {one["key"]: one["value"] for one in shown["settings"]}["retry.attempts"] == 5
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]


def test_per_task_commands_need_no_agent_and_cost_nothing(place: Place) -> None:
    place.write(
        "orchestrator.yaml",
        "tasks:\n  - name: one\n    command: echo 1 > one.txt\n"
        "  - name: two\n    command: cat one.txt > two.txt\n    depends_on: [one]\n",
    )
    place.write("chargehand.toml", 'spec = "orchestrator.yaml"\n')
    place.commit()
    place.run("run", "--all")
    assert place.git("show", "main:two.txt") == "1"
    assert place.json("costs")["total"]["cost_usd"] == 0.0


def test_a_prd_is_ticked_byte_for_byte(place: Place) -> None:
    stories = [{"id": "US-001", "title": "One", "priority": 1, "passes": False, "notes": "x"}]
    before = json.dumps({"project": "p", "branchName": "b", "userStories": stories}, indent=4)
    place.write("prd.json", before)
    place.write("chargehand.toml", 'spec = "prd.json"\n' + WRITER)
    place.commit()
    place.run("run", "--all")
    assert place.git("show", "main:prd.json") == before.replace("false", "true")


def test_a_group_lands_when_its_parts_have_and_nobody_is_sent(place: Place) -> None:
    tasks = [{"id": 1, "title": "Whole", "status": "pending", "dependencies": [], "subtasks": [
        {"id": 1, "title": "Part", "status": "pending", "dependencies": []},
        {"id": 2, "title": "Other", "status": "pending", "dependencies": [1]},
    ]}]  # fmt: skip
    place.write(".taskmaster/tasks/tasks.json", json.dumps({"tasks": tasks}, indent=2))
    place.write("chargehand.toml", 'spec = ".taskmaster/tasks/tasks.json"\n' + WRITER)
    place.commit()
    place.run("run", "--all")
    assert place.states() == {"1": "landed", "1.1": "landed", "1.2": "landed"}
    assert place.git("ls-tree", "--name-only", "main", "out/") == "out/1.1\nout/1.2"
    assert place.git("show", "main:.taskmaster/tasks/tasks.json").count('"status": "done"') == 3


def test_what_is_done_by_hand_waits_to_be_asked_for(place: Place) -> None:
    place.write(
        "orchestrator.yaml",
        "tasks:\n  - name: code\n    command: echo 1 > one.txt\n"
        "  - name: release\n    command: echo 2 > two.txt\n    manual: true\n",
    )
    place.write("chargehand.toml", 'spec = "orchestrator.yaml"\n')
    place.commit()
    place.run("run", "--all")
    assert place.states() == {"code": "landed", "release": "ready"}
    place.run("run", "--task", "release")
    assert place.git("show", "main:two.txt") == "2"


def test_tasks_whose_scopes_meet_do_not_run_together(place: Place) -> None:
    tasks = "".join(
        f"### TASK-00{n}: Do {n}\n🟠 P1 | ⬜ TODO | Est: 1h\n\n**Touches:** {scope}\n\n"
        for n, scope in ((1, "src/a/**"), (2, "src/a/x.py"), (3, "docs/**"))
    )
    place.write("spec/tasks.md", f"# Tasks\n\n{tasks}")
    mark = place.root.parent / "marks"
    mark.mkdir()
    place.config(
        agent=f"touch {mark}/$CHARGEHAND_TASK_ID; sleep 0.5; echo $(ls {mark}) >> {mark}.log; "
        f"rm {mark}/$CHARGEHAND_TASK_ID; "
        "case $CHARGEHAND_TASK_ID in *1) mkdir -p src/a; echo 1 > src/a/y;; *2) mkdir -p src/a; echo 2 > src/a/x.py;; "
        "*) mkdir docs; echo 3 > docs/d;; esac"
    )
    place.run("run", "--all", "--jobs", "3")
    seen = (place.root.parent / "marks.log").read_text()
    assert "TASK-001 TASK-002" not in seen
    assert len(place.landed()) == 3


def test_a_task_may_name_its_own_agent_and_gates(place: Place) -> None:
    front = '+++\n[tasks.TASK-002]\nagent = "other"\ngates = []\n+++\n'
    tasks = "".join(f"### TASK-00{n}: Do {n}\n🟠 P1 | ⬜ TODO | Est: 1h\n\nText.\n\n" for n in (1, 2))
    place.write("spec/tasks.md", f"{front}# Tasks\n\n{tasks}")
    settings = WRITER + '[agents.other]\ncommand = ["/bin/sh", "-c", "echo other > other.txt"]\n'
    place.write("chargehand.toml", settings + '[gates.t]\ncommand = "test ! -f other.txt || test -f out/TASK-001"\n')
    place.commit()
    place.run("run", "--all")
    attempts = {name: place.json("show", name)["attempts"][0] for name in ("TASK-001", "TASK-002")}
    assert {name: attempt["agent"] for name, attempt in attempts.items()} == {"TASK-001": "fake", "TASK-002": "other"}
    assert attempts["TASK-002"]["verdicts"] == []


def test_an_agent_that_is_not_configured_is_told_before_anything_is_paid(place: Place) -> None:
    place.write("spec/tasks.md", '+++\n[tasks.TASK-001]\nagent = "fke"\n+++\n# T\n\n### TASK-001: Do\n🟠 P1 | ⬜ TODO\n\nText.\n')
    place.write("chargehand.toml", WRITER)
    place.commit()
    assert "did you mean fake" in place.run("run", "--all", code=2).stderr
