"""``chargehand check`` (also ``validate`` and ``audit``): everything doubtful at once, for people and programs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from chargehand.doors.cli.render.findings import as_csv, as_sarif
from chargehand.model.errors import Problem
from tests.run.conftest import Place

from .conftest import valid

ODD = """# Tasks

### TASK-001: Money
🔴 P0 | ⬜ TODO | Est: 2h

A type for amounts that never loses a cent, whatever is done to it.

**Traces to:** [REQ-001]
**Blocks:** [TASK-003]
**Touches:** src/money/**

### TASK-002: Print
🟠 P1 | ✅ DONE | Est: 1h

**Checklist:**
- [x] it prints
- [ ] it prints well

**Traces to:** [REQ-009]
**Depends on:** [TASK-001]

### TASK-003: Vague
🟠 P1 | ⏸️ BLOCKED

Do it.

**Touches:** src/money/cents.py

### TASK-004: Vaguer
🟠 P1 | ⬜ TODO
"""
ODD_REQUIREMENTS = """# Requirements

#### REQ-001: A

#### REQ-002: B

#### REQ-003: C

##### AC-1: not a requirement

#### REQ-001: again
"""
ODD_DESIGN = "### DESIGN-001: D\nMeets REQ-003 and REQ-777.\n"
FOUND = {
    ("asymmetric-needs", "spec/tasks.md", 3, 1),
    ("asymmetric-blocks", "spec/tasks.md", 9, 14),
    ("open-items", "spec/tasks.md", 12, 1),
    ("done-too-early", "spec/tasks.md", 12, 1),
    ("unknown-trace", "spec/tasks.md", 19, 17),
    ("no-estimate", "spec/tasks.md", 22, 1),
    ("orphan-task", "spec/tasks.md", 22, 1),
    ("orphan-task", "spec/tasks.md", 29, 1),
    ("blocked-without-needs", "spec/tasks.md", 22, 1),
    ("overlap", "spec/tasks.md", 22, 1),
    ("vague", "spec/tasks.md", 29, 1),
    ("unknown-trace", "spec/design.md", 1, 5),
    ("orphan-design", "spec/design.md", 1, 5),
    ("orphan-requirement", "spec/requirements.md", 5, 6),
    ("uncovered-requirement", "spec/requirements.md", 7, 6),
    ("repeated-section", "spec/requirements.md", 11, 6),
}


def odd(place: Place) -> Place:
    place.write("spec/requirements.md", ODD_REQUIREMENTS)
    place.write("spec/design.md", ODD_DESIGN)
    place.write("spec/tasks.md", ODD)
    return place


def places(problems: list[dict[str, Any]]) -> set[tuple[str, str, int, int]]:
    return {(one["code"], one["path"], one["line"], one["column"]) for one in problems}


def test_every_doubt_is_told_at_once_each_at_its_place(place: Place) -> None:
    told = valid("check", odd(place).json("check"))
    assert places(told["problems"]) == FOUND
    assert (told["ok"], told["errors"], told["warnings"]) == (True, 0, len(told["problems"]))
    assert (told["tasks"], told["requirements"], told["covered"]) == (4, 3, 1)


def test_a_sound_spec_has_nothing_to_be_said_of_but_the_task_without_a_requirement(traced: Place) -> None:
    told = traced.json("check")
    assert places(told["problems"]) == {("orphan-task", "spec/tasks.md", 29, 1)}
    assert (told["requirements"], told["covered"]) == (2, 2)
    traced.write("spec/tasks.md", traced.read("spec/tasks.md") + "\n**Traces to:** [REQ-001]\n")
    done = traced.run("check", "--strict")
    assert done.stdout == "spec/tasks.md: 3 tasks, 1 need, 2 of 2 requirements covered, 0 warnings\n"


def test_strict_fails_on_warnings_and_the_other_names_say_the_same(place: Place) -> None:
    odd(place)
    said = place.run("check").stdout
    assert said.endswith("spec/tasks.md: 4 tasks, 1 need, 1 of 3 requirements covered, 16 warnings\n")
    assert "spec/requirements.md:5:6: warning: REQ-002 is an orphan" in said
    assert "    5 | #### REQ-002: B\n      |      ^\n" in said
    for face in ("validate", "audit"):
        assert place.run(face, "--strict", code=2).stdout == said


def test_errors_are_told_with_exit_code_2_in_every_form(place: Place) -> None:
    place.write("spec/tasks.md", "### TASK-001: A\n🔴 P9 | ⬜ TODO\n\n### TASK-001: B\n🔴 P0 | ⬜ TODO\n")
    told = valid("check", place.json("audit", code=2))
    assert (told["ok"], told["tasks"], told["errors"]) == (False, None, 2)
    rows = csv.DictReader(io.StringIO(place.run("check", "--csv", code=2).stdout))
    assert [row["line"] for row in rows if row["severity"] == "error"] == ["2", "4"]
    sarif = json.loads(place.run("check", "--sarif", "-", code=2).stdout)
    assert [result["level"] for result in sarif["runs"][0]["results"]].count("error") == 2
    valid("error", place.json("check", "--spec", "nothing.md", code=2))


def test_what_a_task_asks_for_and_nobody_configured_is_an_error(place: Place) -> None:
    place.write("spec/tasks.md", '+++\n[tasks.TASK-001]\nagent = "fakr"\n+++\n### TASK-001: A\n🔴 P0 | ⬜ TODO | Est: 1h\n')
    place.config()
    told = place.json("check", "--format", "chargehand", code=2)
    (problem,) = [one for one in told["problems"] if one["severity"] == "error"]
    assert (problem["code"], problem["path"], problem["line"]) == ("config.agent", "spec/tasks.md", 5)
    assert problem["hint"] == "did you mean fake?"


def test_of_many_warnings_of_a_kind_people_see_some_and_programs_all(place: Place) -> None:
    place.spec(*(f"TASK-{number:03}" for number in range(30)), commit=False)
    place.write("spec/tasks.md", place.read("spec/tasks.md").replace("- [ ] make", "make"))
    shown = place.run("check").stdout
    assert shown.count("too vague") == 20
    assert "... and 10 more warnings of this kind: vague (--all shows them)" in shown
    assert place.run("check", "--all").stdout.count("too vague") == 30
    assert len(place.json("check")["problems"]) == 30


def test_requirements_that_are_nowhere(place: Place) -> None:
    place.write("spec/tasks.md", "### TASK-001: A\n🔴 P0 | ⬜ TODO | Est: 1h\n\n**Traces to:** [REQ-001]\n**Touches:** a.txt\n")
    assert places(place.json("check")["problems"]) == {("no-documents", "spec/tasks.md", 1, 1)}


def test_csv_is_a_table_of_the_same_findings(place: Place) -> None:
    rows = list(csv.DictReader(io.StringIO(odd(place).run("check", "--csv").stdout)))
    assert {(row["code"], row["path"], int(row["line"]), int(row["column"])) for row in rows} == FOUND


def test_a_sheet_is_given_no_formula_and_no_secret() -> None:
    key = "sk-ant-api03-" + "a1B2" * 20
    text = as_csv([Problem("x", '=HYPERLINK("http://evil")', "-1.md", 1, 2, hint=f"@sum {key}")])
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["message"], row["path"]) == ('\'=HYPERLINK("http://evil")', "'-1.md")
    assert row["hint"].startswith("'@sum")
    assert key not in text
    assert key not in json.dumps(as_sarif([Problem("x", key, "a.md")]))


def test_sarif_says_where_in_the_form_editors_and_hosts_read(place: Place) -> None:
    odd(place)
    place.write("my spec/tasks.md", "### TASK-001: A\n🔴 P0 | ⬜ TODO | Est: 1h\n")
    place.run("check", "--sarif", "out.sarif")
    log = json.loads(place.read("out.sarif"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    found = set()
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        place_ = result["locations"][0]["physicalLocation"]
        region = place_["region"]
        found.add((result["ruleId"], place_["artifactLocation"]["uri"], region["startLine"], region["startColumn"]))
    assert found == FOUND
    other = json.loads(place.run("check", "--sarif", "-", "--spec", "my spec/tasks.md").stdout)
    assert other["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20spec/tasks.md"


def test_a_file_that_cannot_be_written_is_told(place: Place) -> None:
    assert "cannot write no/where.sarif" in odd(place).run("check", "--sarif", "no/where.sarif", code=5).stderr


def test_as_processes_of_their_own_in_a_pipe(traced: Place) -> None:
    for args, line in (
        (("validate",), "spec/tasks.md: 3 tasks, 1 need, 2 of 2 requirements covered, 1 warning"),
        (("task", "next"), "TASK-003  P2  todo    -     1h      -  Clean up  ready"),
        (("report",), "2 requirements: 2 covered, 0 met; 3 tasks, 0 landed"),
    ):
        with traced.start(*args) as process:
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out.splitlines()[-1], err) == (0, line, "")
    with traced.start("verify") as process:
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.splitlines()[-1]) == (1, "not proven: 0 of 3 tasks ticked, 0 proven; 0 of 2 requirements met")
