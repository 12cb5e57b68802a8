"""A ledger made anew from its audit log says what the old one said."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chargehand.service import inspect
from chargehand.service.project import Project
from chargehand.service.status import status
from tests.audit.conftest import After
from tests.audit.test_audit_log import valid
from tests.run.conftest import Place

AGENT = """mkdir -p out; echo "$CHARGEHAND_RUN_ID" > "out/$CHARGEHAND_TASK_ID.txt"
echo '{"usage": {"input_tokens": 5, "cost_usd": 0.25}}'; test $CHARGEHAND_TASK_ID = TASK-001 || test $CHARGEHAND_ATTEMPT = 2"""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def work(place: Place) -> None:
    """Two runs with a reset between them; tries that failed, a gate that said no, a task that is failed for good."""
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", "TASK-003 P1 after TASK-001")
    place.config("[retry]\nattempts = 2\n[gates.test]\ncommand = 'test ! -e out/TASK-003.txt'", agent=AGENT)
    place.run("run", "--all", code=1)
    place.run("reset", "--yes")
    place.run("run", "--all", code=1)
    place.run("audit-log", "-o", "audit.jsonl")


@pytest.fixture
def worked(after: After) -> Place:
    return after(work)


def answers(place: Place) -> list[Any]:
    """What status, show and costs print with --json."""
    here = Project(place.root)
    shown = [inspect.show(here, f"TASK-00{number}") for number in (1, 2, 3)]
    return [status(here), *shown, inspect.costs(here, "task"), inspect.costs(here, "agent")]


def same(left: Any, right: Any) -> bool:
    """Equal, but that moments may be a blink apart: an attempt's is taken just before its event is written down."""
    if isinstance(left, dict):
        return set(left) == set(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, str) and _MOMENT.fullmatch(left):
        return abs((datetime.fromisoformat(left) - datetime.fromisoformat(right)).total_seconds()) < 1
    return bool(left == right)


def test_a_lost_ledger_comes_back_whole(worked: Place) -> None:
    before = answers(worked)
    for file in (worked.root / ".chargehand").glob("ledger.db*"):
        file.unlink()
    told = valid("rebuilt", worked.json("doctor", "--rebuild", "audit.jsonl"))
    assert (told["runs"], told["aside"]) == (2, None)
    assert same(answers(worked), before)
    assert before[0]["totals"]["attempts"] == 2
    assert before[-1]["total"]["calls"] == 7
    assert worked.json("verify", "--audit", "audit.jsonl")["ledger"] == "same"
    assert worked.run("audit-log").stdout == worked.read("audit.jsonl")
    assert not list((worked.root / ".chargehand").glob("ledger.db.*"))


def test_work_goes_on_with_it(worked: Place) -> None:
    (worked.root / ".chargehand/ledger.db").unlink()
    worked.run("doctor", "--rebuild", "audit.jsonl")
    worked.config(agent="mkdir -p out; echo y > out/other.txt")
    worked.run("retry", "TASK-003")
    assert set(worked.states().values()) == {"landed"}
    assert worked.json("status")["run"]["id"] == "r2"
    shown = worked.json("show", "TASK-003")["attempts"]
    assert [attempt["number"] for attempt in shown] == [1, 2, 3]


def test_a_damaged_ledger_is_moved_aside_never_deleted(worked: Place) -> None:
    before = answers(worked)
    ledger = worked.root / ".chargehand/ledger.db"
    for number in (1, 2):
        with ledger.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 8192)
        broken = ledger.read_bytes()
        refused = worked.run("status", code=5)
        assert "doctor --rebuild" in refused.stderr
        told = worked.json("doctor", "--rebuild", "audit.jsonl")
        assert told["aside"] == f".chargehand/ledger.db.damaged-{number}"
        assert told["damage"]
        assert (worked.root / told["aside"]).read_bytes() == broken
        assert same(answers(worked), before)


def test_a_sound_ledger_is_kept_unless_told_otherwise(worked: Place) -> None:
    ledger = worked.root / ".chargehand/ledger.db"
    worked.run("reset", "--yes")
    bytes_before = ledger.read_bytes()
    assert "is sound" in worked.run("doctor", "--rebuild", "audit.jsonl", code=2).stderr
    assert ledger.read_bytes() == bytes_before
    told = worked.json("doctor", "--rebuild", "audit.jsonl", "--yes")
    assert told["aside"] == ".chargehand/ledger.db.replaced-1"
    assert worked.json("status")["run"]["id"] == "r2"


def test_a_tampered_or_partial_log_is_refused_and_nothing_changes(worked: Place) -> None:
    ledger = worked.root / ".chargehand/ledger.db"
    ledger.unlink()
    good = worked.read("audit.jsonl")
    worked.write("bad.jsonl", good.replace("TASK-002", "TASK-009"))
    assert re.search(r"bad.jsonl:\d+: .*it was changed", worked.run("doctor", "--rebuild", "bad.jsonl", code=2).stderr)
    worked.write("cut.jsonl", "\n".join(good.splitlines()[:-1]) + "\n")
    assert "the end was cut off" in worked.run("doctor", "--rebuild", "cut.jsonl", code=2).stderr
    assert not ledger.exists()
    worked.run("doctor", "--rebuild", "audit.jsonl")
    worked.run("audit-log", "--run", "r2", "-o", "one.jsonl")
    assert "one run only" in worked.run("doctor", "--rebuild", "one.jsonl", "--yes", code=2).stderr


def test_it_waits_for_no_engine(worked: Place) -> None:
    lock = worked.root / ".chargehand/lock"
    holder = subprocess.Popen(["flock", str(lock), "sleep", "60"])
    try:
        end = time.monotonic() + 20
        while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
            assert time.monotonic() < end
        worked.run("doctor", "--rebuild", "audit.jsonl", "--yes", code=6)
        worked.run("gc", code=6)
    finally:
        holder.terminate()
        holder.wait()


def test_a_finished_agent_is_not_paid_again_by_a_ledger_that_is_behind(place: Place, tmp_path: Path) -> None:
    """The export was made before an attempt; its folder is still there, and its result is taken over."""
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent=f'echo $CHARGEHAND_TASK_ID >> {tmp_path}/receipts; echo x > "$CHARGEHAND_TASK_ID"')
    place.run("run")
    place.run("audit-log", "-o", ".chargehand/a.jsonl")
    place.run("run")
    (place.root / ".chargehand/ledger.db").unlink()
    place.run("doctor", "--rebuild", ".chargehand/a.jsonl")
    place.run("run", "--all", code=None)
    assert (tmp_path / "receipts").read_text().split() == ["TASK-001", "TASK-002"]


def test_an_empty_place_gets_its_ledger(worked: Place) -> None:
    state = worked.root / ".chargehand"
    shutil.move(state, worked.root.parent / "elsewhere")
    worked.run("doctor", "--rebuild", "audit.jsonl")
    assert worked.json("status")["run"]["id"] == "r2"
    assert worked.git("status", "--porcelain", ".chargehand") == ""
    assert (
        json.loads(worked.read("audit.jsonl").splitlines()[-1])["count"]
        == worked.json("verify", "--audit", "audit.jsonl")["events"]
    )
