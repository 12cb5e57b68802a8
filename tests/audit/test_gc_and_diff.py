"""What an attempt changed can be seen; what it left goes when it may, and never before."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import After
from tests.audit.test_audit_log import valid
from tests.run.conftest import Place


def work(place: Place) -> None:
    """TASK-001 landed at its second try."""
    place.write("notes.txt", "one\ntwo\n")
    place.spec("TASK-001")
    place.config(agent="echo try-$CHARGEHAND_ATTEMPT >> notes.txt; mkdir -p out; echo x > out/x; test $CHARGEHAND_ATTEMPT = 2")
    place.run("run", "--all")


@pytest.fixture
def worked(after: After) -> Place:
    return after(work)


def refs(place: Place) -> list[str]:
    return place.git("--git-dir", ".chargehand/depot.git", "for-each-ref", "--format=%(refname)").split()


def removed(told: Any, kind: str) -> list[str]:
    return sorted(item["path"] for item in told["removed"] if item["kind"] == kind)


# --- diff ---------------------------------------------------------------------------------------------------------------------


def test_the_last_attempt_or_the_one_asked_for(worked: Place) -> None:
    last = worked.run("diff", "TASK-001").stdout
    assert "+try-2\n" in last
    assert "+++ b/out/x\n" in last
    first = worked.run("diff", "TASK-001", "--attempt", "1").stdout
    assert "+try-1\n" in first
    told = valid("diff", worked.json("diff", "TASK-001", "--attempt", "1"))
    assert told["files"] == ["notes.txt", "out/x"]
    assert told["diff"] == first
    assert told["base"] == worked.json("show", "TASK-001")["attempts"][0]["base"]


def test_it_can_be_applied(worked: Place) -> None:
    patch = worked.run("diff", "TASK-001", "--attempt", "1", "--raw").stdout
    worked.write("a.patch", patch)
    worked.git("checkout", "--quiet", "-b", "other", worked.json("diff", "TASK-001")["base"])
    worked.git("apply", "a.patch")
    assert worked.read("notes.txt") == "one\ntwo\ntry-1\n"


def test_it_is_harmless_and_without_secrets_unless_raw(place: Place) -> None:
    key = "ghp_" + "a1B2" * 10
    place.spec("TASK-001")
    place.own("[inspect]\noff = ['secrets']\n")
    place.config(agent=f"printf '\\033[2Jgone {key}\\n' > x")
    place.run("run")
    shown = place.run("diff", "TASK-001").stdout
    assert "+gone [redacted]\n" in shown
    assert "\x1b" not in place.run("diff", "TASK-001", env={"NO_COLOR": "1"}).stdout
    assert "\x1b[32m+gone [redacted]\x1b[0m" in place.run("diff", "TASK-001", env={"NO_COLOR": "", "FORCE_COLOR": "1"}).stdout
    assert f"\x1b[2Jgone {key}" in place.run("diff", "TASK-001", "--raw").stdout


def test_nothing_the_repository_configures_is_run(place: Place) -> None:
    place.write(".gitattributes", "*.txt diff=evil\n")
    place.spec("TASK-001")
    place.config(agent="echo x > a.txt")
    place.run("run")
    config = place.root / ".chargehand/depot.git/config"
    evil = f"touch {place.root}/ran;"
    config.write_text(
        f'{config.read_text()}[diff]\n\texternal = "{evil}"\n[diff "evil"]\n\ttextconv = "{evil}"\n\tcommand = "{evil}"\n'
    )
    assert "+x\n" in place.run("diff", "TASK-001").stdout
    assert not (place.root / "ran").exists()


def test_when_there_is_none(place: Place) -> None:
    assert "nothing has run" in place.run("diff", "TASK-001", code=2).stderr
    place.spec("TASK-001")
    place.config("[retry]\nattempts = 1", agent="true")
    place.run("run", code=1)
    assert "left no change" in place.run("diff", "TASK-001", code=2).stderr
    assert "no attempt 7" in place.run("diff", "TASK-001", "--attempt", "7", code=2).stderr


# --- gc -----------------------------------------------------------------------------------------------------------------------


def test_nothing_goes_before_its_time(worked: Place) -> None:
    before = refs(worked)
    told = valid("gc", worked.json("gc"))
    assert (told["removed"], told["kept"], told["days"]) == ([], [], 30)
    assert refs(worked) == before
    assert worked.run("gc").stdout == "nothing removed, 0 B\n"


def test_old_folders_and_refs_go_and_what_landed_stays(worked: Place) -> None:
    before, commit = refs(worked), worked.git("rev-parse", "main")
    dry = valid("gc", worked.json("gc", "--days", "0", "--dry-run"))
    assert refs(worked) == before
    assert (worked.root / ".chargehand/attempts/r1.TASK-001.1/stderr.log").parent.is_dir()
    told = worked.json("gc", "--days", "0")
    assert {**told, "dry_run": True} == dry
    assert removed(told, "attempt") == [".chargehand/attempts/r1.TASK-001.1", ".chargehand/attempts/r1.TASK-001.2"]
    assert removed(told, "ref") == ["refs/chargehand/attempts/r1.TASK-001.1", "refs/chargehand/attempts/r1.TASK-001.2"]
    assert told["bytes"] > 0
    assert list((worked.root / ".chargehand/attempts").iterdir()) == []
    assert [ref for ref in refs(worked) if "/attempts/" in ref] == []
    assert worked.git("rev-parse", "main") == commit
    assert worked.json("show", "TASK-001")["task"]["landed"] is True
    assert worked.json("costs")["total"]["calls"] == 2
    assert worked.json("gc", "--days", "0")["removed"] == []


def leave_workspace(place: Place, name: str, attempt: str) -> Path:
    """What a kill at the wrong moment leaves: a workspace beside an attempt that ended."""
    depot = place.root / ".chargehand/depot.git"
    work = place.root / ".chargehand/work" / name
    place.git("clone", "--quiet", "--shared", "--no-checkout", str(depot), str(work))
    place.git("-C", str(work), "fetch", "--quiet", "origin", f"refs/chargehand/attempts/{attempt}")
    place.git("-C", str(work), "checkout", "--quiet", "--detach", "FETCH_HEAD")
    return work


def test_a_workspace_goes_when_its_work_is_in_the_depot(worked: Place) -> None:
    work = leave_workspace(worked, "r1.TASK-001.1", "r1.TASK-001.1")
    gate = leave_workspace(worked, "r1.TASK-001.2.gate", "r1.TASK-001.2")
    (gate / "build.o").write_text("made by a gate")
    told = worked.json("gc")
    assert removed(told, "workspace") == [".chargehand/work/r1.TASK-001.1"]
    assert removed(told, "gate") == [".chargehand/work/r1.TASK-001.2.gate"]
    assert not work.exists()
    assert not gate.exists()
    assert told["kept"] == []
    assert [ref for ref in refs(worked) if "/attempts/" in ref] != []


@pytest.mark.parametrize("kind", ["file", "edit", "commit", "branch", "removal", "broken"])
def test_a_workspace_stays_when_anything_in_it_is_nowhere_else(worked: Place, kind: str) -> None:
    work = leave_workspace(worked, "r1.TASK-001.1", "r1.TASK-001.1")
    match kind:
        case "file":
            (work / "new.txt").write_text("precious")
        case "edit":
            (work / "notes.txt").write_text("precious")
        case "removal":
            (work / "notes.txt").unlink()
        case "broken":
            (work / ".git/HEAD").unlink()
        case _:
            if kind == "branch":
                worked.git("-C", str(work), "checkout", "--quiet", "-b", "side")
            worked.git(
                "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "precious"
            )
            if kind == "branch":
                worked.git("-C", str(work), "checkout", "--quiet", "--detach", "HEAD^")
    told = valid("gc", worked.json("gc", "--days", "0"))
    assert work.is_dir()
    assert [kept["path"] for kept in told["kept"]] == [".chargehand/work/r1.TASK-001.1"]
    assert removed(told, "workspace") == []
    assert removed(told, "attempt") == [".chargehand/attempts/r1.TASK-001.2"]
    assert "refs/chargehand/attempts/r1.TASK-001.1" in refs(worked)
    assert "kept: .chargehand/work/r1.TASK-001.1: " in worked.run("gc").stdout


def test_what_the_ledger_does_not_know_stays(worked: Place) -> None:
    work = leave_workspace(worked, "r9.TASK-001.1", "r1.TASK-001.1")
    worked.write(".chargehand/attempts/r9.TASK-001.1/stdout.log", "x")
    worked.git("--git-dir", ".chargehand/depot.git", "update-ref", "refs/chargehand/attempts/r9.TASK-001.1", "main")
    told = worked.json("gc", "--days", "0")
    assert work.is_dir()
    assert told["kept"][0]["path"] == ".chargehand/work/r9.TASK-001.1"
    assert (worked.root / ".chargehand/attempts/r9.TASK-001.1/stdout.log").exists()
    assert "refs/chargehand/attempts/r9.TASK-001.1" in refs(worked)


def test_nothing_of_what_is_under_way_goes(place: Place) -> None:
    """The engine is killed; the agent works on, at a second try whose brief names the first."""
    place.spec("TASK-001")
    wait = "while ! test -e ../../../go; do sleep 0.05; done"
    place.config(agent=f"echo $CHARGEHAND_ATTEMPT > half; test $CHARGEHAND_ATTEMPT = 2 || exit 1; {wait}")
    engine = place.start("run", "--all")
    half, end = place.root / ".chargehand/work/r1.TASK-001.2/half", time.monotonic() + 60
    while not half.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert "in use by" in place.run("gc", "--days", "0", code=6).stderr
    os.kill(engine.pid, signal.SIGKILL)
    engine.communicate()
    told = place.json("gc", "--days", "0")
    assert told["removed"] == []
    assert [kept["reason"] for kept in told["kept"]] == ["its attempt has not ended"]
    assert half.exists()
    (place.root / "go").touch()
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]


def test_before_anything_has_run(place: Place) -> None:
    assert place.json("gc")["removed"] == []
    assert not (place.root / ".chargehand").exists()
    assert place.run("gc", "--days", "-1", code=2).stdout == ""


@pytest.mark.parametrize("saved", [True, False])
def test_a_linked_worktree_is_judged_by_its_own_head(worked: Place, saved: bool) -> None:
    depot, work = worked.root / ".chargehand/depot.git", worked.root / ".chargehand/work/r1.TASK-001.1"
    ref = "refs/chargehand/attempts/r1.TASK-001.1"
    worked.git("--git-dir", str(depot), "worktree", "add", "--quiet", "-B", "chargehand/TASK-001", str(work), ref)
    if not saved:
        worked.git("-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "precious")
    told = worked.json("gc")
    assert (removed(told, "workspace") == [], work.exists(), (depot / "worktrees/r1.TASK-001.1").exists()) == (not saved,) * 3
