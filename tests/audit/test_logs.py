"""Our own log: JSON on stderr when asked for, with nothing else on it; quiet otherwise; no secrets in any of it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.run.conftest import Place

KEY = "ghp_" + "a1B2" * 10
FIELDS = {"ts", "level", "logger", "event", "run", "task", "attempt", "message"}


def records(text: str) -> list[dict[str, Any]]:
    """Every line must be one record. That tests do without a cage is said too, and is of no interest here."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(set(record) == FIELDS for record in found), found
    return [record for record in found if not record["message"].startswith("no cage")]


@pytest.fixture
def ready(place: Place) -> Place:
    place.spec("TASK-001")
    place.config("[retry]\nattempts = 2", agent=f"echo key {KEY} >&2; echo x > x; test $CHARGEHAND_ATTEMPT = 2")
    return place


@pytest.mark.parametrize("before", [True, False])
def test_events_become_records(ready: Place, before: bool) -> None:
    args = ("--log-json", "run", "--all") if before else ("run", "--all", "--log-json")
    done = ready.run(*args)
    found = records(done.stderr)
    assert [record["event"] for record in found] == [
        "run.started", "attempt.claimed", "attempt.ended", "attempt.claimed", "task.landed", "run.finished",
    ]  # fmt: skip
    assert (found[1]["run"], found[1]["task"], found[1]["attempt"]) == ("r1", "TASK-001", "r1.TASK-001.1")
    assert found[0]["task"] is None
    assert {record["level"] for record in found} == {"info"}
    assert "landed" in done.stdout


def test_with_json_on_stdout_the_two_streams_stay_apart(ready: Place) -> None:
    done = ready.run("--log-level=debug", "run", "--all", "--json", "--log-json")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert [record["event"] for record in records(done.stderr)] == events
    assert "debug" in {record["level"] for record in records(done.stderr)}


def test_quiet_without_being_asked_and_text_with_a_level(ready: Place) -> None:
    assert [line for line in ready.run("run", "--all").stderr.splitlines() if not line.startswith("no cage")] == []
    ready.run("reset", "--yes")
    ready.write("spec/tasks.md", ready.read("spec/tasks.md") + "\n### TASK-009: More\n🟠 P1 | ⬜ TODO | Est: 1h\n")
    ready.commit()
    told = ready.run("--log-level", "info", "run", "--all", code=None).stderr.splitlines()
    assert any(" info attempt.claimed run=r2 task=TASK-009 attempt=r2.TASK-009.1 " in line for line in told), told


def test_errors_are_records_too(place: Place) -> None:
    place.write("chargehand.toml", "jobs = 0\nagnet = 'x'\n")
    done = place.run("run", "--log-json", code=2)
    found = records(done.stderr)
    assert {record["level"] for record in found} == {"error"}
    assert any("did you mean `agent`?" in record["message"] or "agnet" in record["message"] for record in found)
    assert done.stdout == ""
    levelled = place.run("run", "--log-json", "--log-level", "error", code=2)
    assert len(records(levelled.stderr)) == len(found)


def test_options_before_the_verb(ready: Place) -> None:
    assert "TASK-001" in ready.run("-C", str(ready.root), "status").stdout
    assert json.loads(ready.run("--json", "status").stdout)["totals"]["tasks"] == 1
    assert "there is no command `--jsn`" in ready.run("--jsn", "status", code=2).stderr
    assert ready.run("--log-json", code=2).stderr.startswith("error: there is no command")
    ready.run("--log-level", "loud", "status", code=2)


def test_no_secret_reaches_log_error_or_crash_report(ready: Place) -> None:
    done = ready.run("run", "--all", "--log-json", "--log-level", "debug")
    assert KEY not in done.stderr
    for args in (("show", KEY), ("--log-json", "show", KEY)):
        told = ready.run(*args, code=2)
        assert KEY not in told.stderr
        assert "[redacted]" in told.stderr
    assert KEY not in ready.run("show", KEY, "--json", code=2).stdout
    ready.write("spec/tasks.md", f"### TASK-001: A\n🔴 P9 {KEY} | ⬜ TODO\n")
    assert KEY not in ready.run("run", code=2).stderr


def test_logging_is_imported_only_when_needed(ready: Place) -> None:
    code = "import sys; from chargehand.doors.cli.main import main; main(sys.argv[1:]); print('logging' in sys.modules)"
    import subprocess

    def imported(*args: str) -> str:
        run = subprocess.run([sys.executable, "-c", code, *args], cwd=ready.root, capture_output=True, text=True, check=True)
        return run.stdout.splitlines()[-1]

    ready.run("run", "--all")
    assert imported("status") == "False"
    assert imported("--log-json", "status") == "True"
