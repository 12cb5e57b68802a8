"""The audit log: everything that happened, in an order nobody can change unseen."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import chargehand
from chargehand.service import audit
from chargehand.service.project import Project
from tests.audit.conftest import After
from tests.run.conftest import Place

SCHEMAS = Path(chargehand.__file__).parent / "schemas"
AGENT = """mkdir -p out; echo "$CHARGEHAND_TASK_ID" > "out/$CHARGEHAND_TASK_ID.txt"
echo '{"usage": {"input_tokens": 5, "cost_usd": 0.25}}'; test $CHARGEHAND_TASK_ID = TASK-001 || test $CHARGEHAND_ATTEMPT = 2"""


@functools.cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))


def valid(name: str, value: Any) -> Any:
    validator(name).validate(value)
    return value


def work(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent=AGENT)
    place.run("run", "--all")


@pytest.fixture
def worked(after: After) -> Place:
    return after(work)


def exported(place: Place, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.run("audit-log", *args).stdout.splitlines()]


def test_every_event_with_its_run_and_operator_in_a_chain_anybody_can_check(worked: Place) -> None:
    lines = worked.run("audit-log").stdout.splitlines()
    header, *events, seal = [valid("audit-log-line", json.loads(line)) for line in lines]
    assert header["event"] == "audit.header"
    assert seal["count"] == len(events)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["run"] for event in events} == {"r1"}
    assert len({event["operator"] for event in events}) == 1
    assert events[0]["operator"]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.finished"
    assert kinds.count("attempt.claimed") == 3
    prev = header["chain"]
    for line in lines[1:]:
        body, own = line[:-75], line[-66:-2]
        assert json.loads(line)["hash"] == own == hashlib.sha256(f"{body}}}".encode()).hexdigest()
        assert json.loads(line)["prev"] == prev
        prev = own


def test_the_same_ledger_gives_the_same_bytes_and_new_events_only_come_behind(worked: Place) -> None:
    first = worked.run("audit-log").stdout
    assert worked.run("audit-log").stdout == first
    worked.run("reset", "--yes")
    worked.write("spec/tasks.md", worked.read("spec/tasks.md") + "\n### TASK-003: More\n🟠 P1 | ⬜ TODO | Est: 1h\n")
    worked.commit()
    worked.run("run", "--all")
    later = worked.run("audit-log").stdout.splitlines()
    assert later[: first.count("\n") - 1] == first.splitlines()[:-1]
    reset = json.loads(later[first.count("\n") - 1])
    assert (reset["event"], reset["run"], reset["seq"]) == ("ledger.reset", "r1", None)
    assert valid("audit-log-line", reset)
    assert {json.loads(line)["run"] for line in later[first.count("\n") : -1]} == {"r2"}
    one = exported(worked, "--run", "r2")
    assert {line["run"] for line in one[:-1]} == {"r2"}
    assert one[1]["event"] == "run.started"


def test_written_to_a_file_in_one_step(worked: Place) -> None:
    told = valid("audit-log", worked.json("audit-log", "--output", "audit.jsonl"))
    lines = worked.read("audit.jsonl").splitlines()
    assert told["events"] == len(lines) - 2
    assert json.loads(lines[-1])["hash"] == told["seal"]
    assert (worked.root / "audit.jsonl").stat().st_mode & 0o077 == 0
    assert "cannot write" in worked.run("audit-log", "-o", "no/such/folder/a.jsonl", code=5).stderr
    assert not list(worked.root.glob(".audit-*"))


def test_nothing_to_export(place: Place) -> None:
    assert "nothing has run here yet" in place.run("audit-log", code=2).stderr
    assert not (place.root / ".chargehand").exists()


def test_no_such_run(worked: Place) -> None:
    assert "no run r9" in worked.run("audit-log", "--run", "r9", code=2).stderr


def test_secrets_of_a_known_form_are_not_exported(place: Place) -> None:
    key = "ghp_" + "a1B2" * 10
    place.spec("TASK-001")
    place.config("[retry]\nattempts = 1", agent=f"echo 'my key is {key}' >&2; exit 3")
    place.run("run", "--all", code=1)
    text = place.run("audit-log").stdout
    assert key not in text
    assert "my key is [redacted]" in text
    assert place.run("verify", "--audit", str(place.write("a.jsonl", text))).stdout.startswith("ok")


# --- verify -------------------------------------------------------------------------------------------------------------------


def test_an_untouched_export_is_well_and_is_compared_with_the_ledger(worked: Place) -> None:
    worked.run("audit-log", "-o", "a.jsonl")
    told = valid("verify", worked.json("verify", "--audit", "a.jsonl"))
    assert (told["ok"], told["ledger"]) == (True, "same")
    worked.run("reset", "--yes")
    told = worked.json("verify", "--audit", "a.jsonl")
    assert (told["ok"], told["ledger"], told["more"]) == (True, "longer", 1)
    assert "1 event more" in worked.run("verify", "--audit", "a.jsonl").stdout
    worked.run("audit-log", "--run", "r1", "-o", "one.jsonl")
    assert worked.json("verify", "--audit", "one.jsonl")["ledger"] == "same"


def test_without_a_ledger_and_beside_another_one(worked: Place, git_repo: Callable[..., Path]) -> None:
    worked.run("audit-log", "-o", "a.jsonl")
    other = Place(git_repo(name="other"))
    file = str(worked.root / "a.jsonl")
    assert other.json("verify", "--audit", file)["ledger"] == "none"
    other.spec("TASK-001")
    other.config()
    other.run("run", "--all")
    told = other.json("verify", "--audit", file)
    assert (told["ok"], told["ledger"]) == (True, "other")


def rechained(lines: list[str]) -> list[str]:
    """What somebody would do who knows how the chain is made."""
    prev = json.loads(lines[0])["chain"]
    result = [lines[0]]
    for line in lines[1:]:
        fields = {**json.loads(line), "prev": prev}
        del fields["hash"]
        body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        prev = hashlib.sha256(body.encode()).hexdigest()
        result.append(f'{body[:-1]},"hash":"{prev}"}}')
    return result


def test_every_kind_of_tampering_is_told_with_its_line(worked: Place) -> None:
    good = worked.run("audit-log").stdout.splitlines()
    place = next(number for number, line in enumerate(good) if "TASK-002" in line)
    changed = [line.replace("TASK-002", "TASK-009") if number == place else line for number, line in enumerate(good)]
    cases = [
        (changed, place + 1, "it was changed"),
        (good[:5] + good[6:], 6, "does not follow"),
        ([*good[:5], good[6], good[5], *good[7:]], 6, "does not follow"),
        ([*good[:5], good[4], *good[5:]], 6, "does not follow"),
        (good[:-1], len(good), "the end was cut off"),
        (good[:-3] + good[-1:], len(good) - 2, "does not follow"),
        ([*good[:-1], good[-1][:40]], len(good), "not JSON"),
        ([*good, good[4]], len(good), "not at the end"),
        ([good[0].replace('"run":""', '"run":"r1"'), *good[1:]], 1, "header"),
        ([*good[:3], json.dumps(json.loads(good[3])), *good[4:]], 4, "it was changed"),
        (rechained(changed), place + 1, "the ledger here says something else"),
    ]
    for lines, line, problem in cases:
        told = valid("verify", audit.verify(worked.write("bad.jsonl", "\n".join(lines) + "\n"), Project(worked.root)))
        assert told["ok"] is False
        assert (told["line"], problem in told["problem"]) == (line, True), told
    said = worked.run("verify", "--audit", "bad.jsonl", code=1).stdout
    assert said.startswith(f"bad.jsonl:{place + 1}: wrong: the ledger here says something else")


def test_a_ledger_that_was_set_back_is_told(worked: Place) -> None:
    shutil.copy(worked.root / ".chargehand/ledger.db", worked.root / "older.db")
    worked.run("reset", "--yes")
    worked.run("audit-log", "-o", "a.jsonl")
    shutil.copy(worked.root / "older.db", worked.root / ".chargehand/ledger.db")
    told = worked.json("verify", "--audit", "a.jsonl", code=1)
    assert (told["ledger"], "1 events are not in it" in told["problem"]) == ("shorter", True)


@pytest.mark.parametrize("text", ["", "\n", "{}\n", "hello\n", '{"event":"run.started"}\n', "\x00\xff"])
def test_what_is_no_audit_log_cannot_be_verified(place: Place, text: str) -> None:
    place.write("a.jsonl", text.encode("latin-1"))
    assert "not an audit log" in place.run("verify", "--audit", "a.jsonl", code=2).stderr


def test_a_file_that_is_not_there_or_of_a_newer_version(place: Place) -> None:
    assert "cannot read" in place.run("verify", "--audit", "nothing.jsonl", code=2).stderr
    place.write("a.jsonl", '{"event":"audit.header","schema_version":2}\n')
    assert "newer chargehand" in place.run("verify", "--audit", "a.jsonl", code=2).stderr
