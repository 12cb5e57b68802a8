"""Kill it, stop it, start it twice, move the ground under it: it goes on, nothing is lost, nothing finished is paid twice."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .conftest import COMMAND, Place

Require = Callable[..., str]


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def receipts(place: Place) -> list[str]:
    """Every real start of an agent leaves a line outside of everything that is reset or removed."""
    file = place.root.parent / "receipts"
    return file.read_text().split() if file.exists() else []


def receipting(place: Place, then: str) -> str:
    return f'echo "$CHARGEHAND_TASK_ID" >> {place.root.parent}/receipts; {then}; echo x > "$CHARGEHAND_TASK_ID"'


def until(flag: Path) -> str:
    """Words of a shell that wait for a file, a minute at most: a time would be over too soon on a machine with much to do."""
    return f"for _ in $(seq 600); do test -e {flag} && break; sleep 0.1; done"


def test_an_agent_that_outlives_a_killed_engine_is_adopted_not_paid_again(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent=receipting(place, "sleep 2"))
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    engine.kill()
    engine.communicate()
    status = place.json("status")
    assert status["run"]["state"] == "interrupted"
    assert status["tasks"][0]["state"] == "working"
    place.run("run", "--all")
    assert receipts(place) == ["TASK-001", "TASK-002"]
    assert place.landed() == ["TASK-001", "TASK-002"]
    assert place.json("status")["run"]["id"] == "r1"


def test_an_agent_that_finished_while_no_engine_looked_is_taken_as_it_is(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent=receipting(place, "sleep 1"))
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    engine.kill()
    engine.communicate()
    wait_for(lambda: list((place.root / ".chargehand/attempts").glob("*/exit.json")))
    place.run("resume")
    assert receipts(place) == ["TASK-001"]
    assert place.landed() == ["TASK-001"]


def test_an_agent_killed_with_its_engine_is_run_again_and_its_files_are_kept(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent=receipting(place, "echo half > half; test $CHARGEHAND_ATTEMPT = 2 || sleep 60"))
    engine = place.start("run", "--all")
    wait_for(lambda: list((place.root / ".chargehand/work").glob("*/half")))
    shims = [int(pid) for pid in Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text().split()]
    engine.kill()
    engine.communicate()
    for shim in shims:
        os.kill(shim, signal.SIGKILL)
    place.run("run", "--all")
    assert receipts(place) == ["TASK-001", "TASK-001"]
    first, second = place.json("show", "TASK-001")["attempts"]
    assert (first["outcome"], second["outcome"]) == ("interrupted", "landed")
    assert place.git("--git-dir", ".chargehand/depot.git", "show", f"{first['ref']}:half") == "half"


def test_kills_at_random_instants_lose_nothing_and_pay_nothing_twice(place: Place) -> None:
    tasks = [f"TASK-{number:03d}" for number in range(1, 9)]
    place.spec(*tasks[:4], *(f"{task} P1 after {before}" for before, task in zip(tasks, tasks[4:], strict=False)))
    place.config('[gates.test]\ncommand = "ls TASK-*"', agent=receipting(place, "sleep 0.2"))
    chance = random.Random(4)
    kills = 0
    for _ in range(40):
        engine = place.start("run", "--all")
        try:
            engine.communicate(timeout=chance.uniform(0.1, 1.2))
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.communicate()
            kills += 1
        if engine.returncode == 0:
            break
    place.run("run", "--all")
    assert kills >= 3
    assert sorted(receipts(place)) == tasks
    assert sorted(place.landed()) == tasks
    assert place.git("status", "--porcelain") == ""
    assert place.read("spec/tasks.md").count("DONE") == len(tasks)


def test_ctrl_c_once_waits_for_what_runs_and_starts_nothing_new(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config("jobs = 1", agent=receipting(place, "sleep 1.5"))
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    engine.send_signal(signal.SIGINT)
    out, err = engine.communicate(timeout=30)
    assert engine.returncode == 130
    assert "waiting for TASK-001" in err
    assert "interrupted" in out
    assert place.landed() == ["TASK-001"]
    place.run("run", "--all")
    assert receipts(place) == ["TASK-001", "TASK-002"]


def test_ctrl_c_twice_ends_what_runs_and_leaves_a_state_that_continues(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent=receipting(place, "test $CHARGEHAND_ATTEMPT = 2 || sleep 300"))
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    engine.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert engine.poll() is None
    engine.send_signal(signal.SIGINT)
    out, err = engine.communicate(timeout=30)
    assert engine.returncode == 130, err
    assert "TASK-001" in out
    assert place.states() == {"TASK-001": "ready"}
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]


def test_a_second_run_says_who_holds_the_project(place: Place) -> None:
    place.spec("TASK-001")
    free = place.root.parent / "free"
    place.config(agent=receipting(place, until(free)))
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    refused = place.run("run", "--all", code=6)
    assert str(engine.pid) in refused.stderr
    assert "run --all" in refused.stderr
    assert place.run("reset", "--yes", code=6)
    assert place.json("status")["run"]["state"] == "running"
    free.touch()
    _, err = engine.communicate(timeout=30)
    assert engine.returncode == 0, err
    assert receipts(place) == ["TASK-001"]


def test_a_retry_beside_a_running_engine_is_handed_to_it(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    flag, free = place.root.parent / "fixed", place.root.parent / "free"
    place.config(
        "[retry]\nattempts = 1",
        agent=f"case $CHARGEHAND_TASK_ID in *1) test -e {flag} || exit 1;; *) {until(free)};; esac; echo x > $CHARGEHAND_TASK_ID",
    )
    engine = place.start("run", "--all")
    wait_for(lambda: (place.root / ".chargehand/ledger.db").exists() and place.states().get("TASK-001") == "failed")
    flag.touch()
    assert place.json("retry", "TASK-001")["handed_over"] is True
    free.touch()
    engine.communicate(timeout=30)
    assert engine.returncode == 0
    assert sorted(place.landed()) == ["TASK-001", "TASK-002"]


def test_a_dirty_checkout_is_left_alone_and_the_command_to_take_over_is_printed(place: Place) -> None:
    place.write("mine.txt", "one\n")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()
    place.write("mine.txt", "my own change\n")
    before = place.git("rev-parse", "main")
    done = place.run("run", "--all")
    command = "git merge --ff-only refs/chargehand/landed/main"
    assert command in done.stdout
    assert place.git("rev-parse", "main") == before
    assert place.git("status", "--porcelain") == "M mine.txt"
    assert place.states() == {"TASK-001": "landed", "TASK-002": "landed"}
    place.git("checkout", "--quiet", "mine.txt")
    place.git(*shlex.split(command)[1:])
    assert place.landed() == ["TASK-001", "TASK-002"]


def test_on_another_branch_the_users_files_stay_and_the_target_moves(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.git("checkout", "--quiet", "-b", "mine")
    place.run("run", "--all", "--target", "main")
    assert place.landed() == ["TASK-001"]
    assert place.git("branch", "--show-current") == "mine"
    assert not (place.root / "out").exists()


def test_commits_the_user_makes_during_the_run_are_built_upon_and_judged_together(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('[gates.test]\ncommand = "ls"', agent=receipting(place, "sleep 1.5"))
    engine = place.start("run", "--all", "--json")
    wait_for(lambda: receipts(place))
    place.write("users.txt", "mine\n")
    place.commit("a commit of the user's")
    out, _ = engine.communicate(timeout=60)
    assert engine.returncode == 0
    assert "attempt.candidate" in out
    assert place.landed() == ["TASK-001", "TASK-002"]
    assert "a commit of the user's" in place.git("log", "--format=%s", "main")
    assert place.read("users.txt") == "mine\n"
    assert place.git("log", "--merges", "--format=%s") == ""


def test_user_commits_while_landed_work_was_pending_are_joined_with_it(place: Place) -> None:
    place.write("mine.txt", "one\n")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config()
    place.write("mine.txt", "two\n")
    place.run("run", "--task", "TASK-001")
    place.git("commit", "--quiet", "--all", "--message", "my own")
    place.run("run", "--all")
    assert place.landed() == ["TASK-001", "TASK-002"]
    assert place.read("mine.txt") == "two\n"
    assert place.git("status", "--porcelain") == ""
    assert place.read("spec/tasks.md").count("DONE") == 2


def test_a_target_deleted_during_the_run_stops_it_with_a_hint_and_loses_nothing(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent=receipting(place, "sleep 1"))
    place.git("checkout", "--quiet", "-b", "aside")
    engine = place.start("run", "--all", "--target", "main")
    wait_for(lambda: receipts(place))
    tip = place.git("rev-parse", "main")
    place.git("branch", "--delete", "--force", "main")
    _, err = engine.communicate(timeout=30)
    assert engine.returncode == 2
    assert "main" in err
    assert "hint:" in err
    place.git("branch", "main", tip)
    place.run("run", "--all", "--target", "main")
    assert receipts(place) == ["TASK-001"]
    assert place.landed() == ["TASK-001"]


def test_a_full_disk_stops_the_run_with_the_reason_and_the_next_one_goes_on(place: Place, require: Require) -> None:
    require("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    place.spec("TASK-001")
    place.config(
        "[timeouts]\nstorage_minutes = 0.03",
        agent="test $CHARGEHAND_ATTEMPT != 1 || dd if=/dev/zero of=filler bs=1M count=64 status=none; echo x > TASK-001; true",
    )
    run = shlex.join([*COMMAND, "run", "--all"])
    (place.root / ".chargehand").mkdir()
    shell = (
        "mount -t tmpfs -o size=6m tmpfs .chargehand || exit 99; "
        f"{run}; echo first $?; mount -o remount,size=200m .chargehand; rm -f .chargehand/work/*/filler; {run}; echo second $?"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell], cwd=place.root, capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert "first 5" in done.stdout, done.stdout + done.stderr
    assert "second 0" in done.stdout, done.stdout + done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.landed() == ["TASK-001"]


def test_a_disk_that_is_full_for_a_while_pauses_the_run_and_it_goes_on_by_itself(place: Place, require: Require) -> None:
    require("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    fill = f"dd if=/dev/zero of={place.root}/.chargehand/filler bs=1M count=64 status=none"
    place.config(agent=f'echo "$CHARGEHAND_TASK_ID" >> {place.root.parent}/receipts; echo x > "$CHARGEHAND_TASK_ID"; {fill}; true')
    run = shlex.join([*COMMAND, "run", "--all"])
    (place.root / ".chargehand").mkdir()
    shell = (
        "mount -t tmpfs -o size=8m tmpfs .chargehand || exit 99; "
        f"{run} & engine=$!; sleep 4; mount -o remount,size=300m .chargehand; wait $engine; echo code $?"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell],
        cwd=place.root,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert "waiting for storage" in done.stderr, done.stdout + done.stderr
    assert "code 0" in done.stdout, done.stdout + done.stderr
    assert place.landed() == ["TASK-001", "TASK-002"]
    assert receipts(place) == ["TASK-001", "TASK-002"]


def test_a_read_only_project_is_told_as_such(place: Place, require: Require) -> None:
    require("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    place.spec("TASK-001")
    place.config()
    again = f"cd {shlex.quote(str(place.root))} && {shlex.join([*COMMAND, 'run'])}"
    shell = f"mount --bind . . && mount -o remount,ro,bind . && {again}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell], cwd=place.root, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 5, done.stdout + done.stderr
    assert "Read-only file system" in done.stderr
    assert "hint:" in done.stderr
    assert place.git("status", "--porcelain") == ""


def test_landed_work_that_is_red_together_with_the_users_commit_is_asked_about(place: Place) -> None:
    place.write("mine.txt", "one\n")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('[gates.test]\ncommand = "! { test -e broken && test -e out/TASK-001.txt; }"')
    place.write("mine.txt", "two\n")
    place.run("run", "--task", "TASK-001")
    place.write("broken", "")
    place.commit("my own")
    told = place.run("run", "--all", code=4).stderr
    assert "does not pass together" in told
    assert "git merge" in told
    assert place.git("log", "-1", "--format=%s", "main") == "my own"
