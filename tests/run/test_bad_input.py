"""Bad input: a clear message with a hint, the right exit code, nothing written, nothing paid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Place


def refused(place: Place, code: int, *words: str, args: tuple[str, ...] = ("run", "--all")) -> str:
    """The run is refused with all these words and a hint, on stderr, and as JSON; no state was made."""
    done = place.run(*args, code=code)
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    error = json.loads(place.run(*args, "--json", code=code).stdout)["error"]
    assert error["exit_code"] == code
    assert error["message"]
    assert not (place.root / ".chargehand").exists()
    return done.stderr


def test_no_git_repository(tmp_path: Path) -> None:
    here = Place(tmp_path)
    here.write("spec/tasks.md", "### TASK-001: A\n🔴 P0 | ⬜ TODO\n")
    here.write("chargehand.toml", '[agents.a]\ncommand = "true"\n')
    refused(here, 2, "git repository", "git init")


def test_no_commits(tmp_path: Path) -> None:
    here = Place(tmp_path)
    here.git("init", "--quiet", "--initial-branch=main")
    here.write("spec/tasks.md", "### TASK-001: A\n🔴 P0 | ⬜ TODO\n")
    here.write("chargehand.toml", '[agents.a]\ncommand = "true"\n')
    refused(here, 2, "no commit yet", "git commit")


def test_detached_head_is_refused_unless_a_target_is_named(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.git("checkout", "--quiet", "--detach")
    refused(place, 2, "detached", "target")
    place.run("run", "--all", "--target", "main")
    assert place.landed() == ["TASK-001"]
    assert place.git("status", "--porcelain") == ""


def test_a_target_that_does_not_exist(place: Place) -> None:
    place.spec("TASK-001")
    place.config('target = "mian"')
    refused(place, 2, "no branch mian", "did you mean main?")


def test_missing_spec_names_the_one_that_is_there(place: Place) -> None:
    place.config()
    refused(place, 2, "no spec at spec/tasks.md")
    place.write("tasks.md", "### TASK-001: A\n🔴 P0 | ⬜ TODO\n")
    refused(place, 2, "there is tasks.md")


def test_empty_spec(place: Place) -> None:
    place.write("spec/tasks.md", "")
    place.config()
    refused(place, 2, "spec/tasks.md")


def test_every_error_of_the_spec_at_once_with_its_place(place: Place) -> None:
    place.write(
        "spec/tasks.md",
        "### TASK-001: A\n🔴 P0 | ⬜ TODO\n\n**Depends on:** [TASK-003]\n\n### TASK-001: B\n🔴 P0 | ⬜ TODO\n\n"
        "### TASK-002: C\n🔴 P9 | ⬜ TODO\n\n**Depends on:** [TASK-007]\n\n"
        "### TASK-003: D\n🔴 P0 | ⬜ TODO\n\n**Depends on:** [TASK-001]\n",
    )
    place.config()
    told = refused(place, 2, "TASK-007", "P9", "TASK-001 -> TASK-003 -> TASK-001")
    assert "spec/tasks.md:6:" in told
    assert "spec/tasks.md:10:" in told
    checked = place.run("check", code=2)
    assert "TASK-007" in checked.stdout


def test_every_mistake_in_the_settings_at_once(place: Place) -> None:
    place.spec("TASK-001")
    place.write("chargehand.toml", 'agnet = "x"\njobs = 0\n[retry]\nattempts = "many"\n[agents.a]\nkind = "comand"\n[gates.t]\n')
    told = refused(place, 2, "`agnet`", "did you mean `agent`?", "`jobs`", "`retry.attempts`", "`agents.a.kind`")
    assert "chargehand.toml:1:1" in told
    assert "chargehand.toml:4:1" in told


def test_settings_that_are_not_toml(place: Place) -> None:
    place.spec("TASK-001")
    place.write("chargehand.toml", "jobs = = 3\n")
    refused(place, 2, "not valid TOML", "chargehand.toml:1:")


def test_an_agent_that_is_not_configured(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    refused(place, 2, "`fakee` is not configured", "did you mean `fake`?", args=("run", "--all", "--agent", "fakee"))


def test_no_agent_at_all(place: Place) -> None:
    place.spec("TASK-001")
    refused(place, 2, "no agent is configured", "chargehand init")


def test_agent_program_missing(place: Place) -> None:
    place.spec("TASK-001")
    place.write("chargehand.toml", '[agents.a]\ncommand = ["no-such-agent-anywhere", "-p"]\n')
    refused(place, 5, "no-such-agent-anywhere")


def test_gate_program_missing(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "no-such-tester --all"')
    refused(place, 5, "no-such-tester")


def test_a_gate_that_turns_out_not_to_run_asks_for_a_human_and_blames_nobody(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('[gates.test]\ncommand = "cd . && no-such-tester"')
    done = place.run("run", "--all", code=4)
    assert "no-such-tester" in done.stdout
    assert set(place.states().values()) == {"needs_human"}
    assert place.json("status")["totals"]["attempts"] == 2  # not tried again and again


def test_unknown_command_and_unknown_option(place: Place) -> None:
    done = place.run("rnu", code=2)
    assert "did you mean `chargehand run`?" in done.stderr
    place.run("run", "--alll-of-it", code=2)


def test_commands_before_anything_has_run(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()
    assert place.states() == {"TASK-001": "ready", "TASK-002": "waiting"}
    for command in (["show", "TASK-001"], ["why", "TASK-001"], ["logs", "TASK-001"]):
        told = place.run(*command, code=2).stderr
        assert "nothing has run here yet" in told
    assert place.json("costs")["total"]["calls"] == 0
    assert place.json("reset", "--yes") == {"schema_version": 1, "run": None}


@pytest.mark.parametrize("command", ["show", "why", "logs", "retry"])
def test_a_task_that_does_not_exist(place: Place, command: str) -> None:
    place.spec("TASK-001")
    place.config()
    place.run("run", "--all")
    told = place.run(command, "TASK-010", code=2).stderr
    assert "no task TASK-010" in told
    assert "TASK-001" in told
