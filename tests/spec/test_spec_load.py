"""From bytes to a spec, with the sections its tasks trace to."""

from __future__ import annotations

import codecs

import pytest

from chargehand.model.errors import SpecProblem
from chargehand.spec import load as module
from chargehand.spec.load import check, load

ONE = "### TASK-001: Eins\n🟠 P1 | ⬜ TODO | Est: 2h\n\n**Traces to:** [REQ-001], [DESIGN-010]\n"
BAD = "### TASK-001: x\nP9 | TODO | Est: 1h\n**Depends on:** [TASK-404]\n\n## TASK-002: y\n"


def test_a_good_file() -> None:
    spec = load(ONE.encode(), "spec/tasks.md")
    assert (spec.path, spec.format, [task.id for task in spec.tasks]) == ("spec/tasks.md", "spec-runner", ["TASK-001"])
    assert (spec.warnings, spec.sections) == ((), {})
    assert len(spec.digest) == 64
    assert spec.digest != load(ONE.replace("TODO", "DONE").encode(), "spec/tasks.md").digest
    assert spec.tasks == load(codecs.BOM_UTF8 + ONE.encode(), "spec/tasks.md").tasks


def test_every_error_at_once_with_its_place() -> None:
    with pytest.raises(SpecProblem) as caught:
        load(BAD.encode(), "spec/tasks.md")
    assert "3 errors" in caught.value.message
    assert caught.value.exit_code == 2
    assert [problem.place() for problem in caught.value.problems] == [
        "spec/tasks.md:2:1",
        "spec/tasks.md:3:18",
        "spec/tasks.md:5:1",
    ]
    assert all(problem.hint and problem.excerpt for problem in caught.value.problems)


def test_one_error_is_called_one() -> None:
    with pytest.raises(SpecProblem, match="one error"):
        load(b"", "t.md")


def test_check_does_not_raise_and_gives_warnings_too() -> None:
    spec, problems = check(BAD.encode() + b"### TASK-003: z\nP1 | TODO\n", "t.md")
    assert spec is None
    assert {problem.severity for problem in problems} == {"error", "warning"}
    spec, problems = check(b"### TASK-003: z\nP1 | TODO\n", "t.md")
    assert spec is not None
    assert [problem.code for problem in problems] == ["no-estimate"]
    assert spec.warnings == problems


@pytest.mark.parametrize(
    ("data", "place", "word"),
    [
        (ONE.encode("utf-16"), "t.md:1:1", "UTF-16"),
        (codecs.BOM_UTF16_BE + ONE.encode("utf-16-be"), "t.md:1:1", "UTF-16"),
        (ONE.encode("utf-16-le"), "t.md:1:2", "NUL"),
        (b"# a\n\x00", "t.md:2:1", "NUL"),
        (b"# a\r\nb\xe9c\n", "t.md:2:2", "0xe9"),
        ("# ü\n".encode() + "é".encode("latin-1"), "t.md:2:1", "0xe9"),
        (b"\x89PNG\r\n\x1a\n", "t.md:1:1", "0x89"),
        (b"a\xed\xa0\x80", "t.md:1:2", "0xed"),
    ],
)
def test_what_is_not_utf8_text(data: bytes, place: str, word: str) -> None:
    with pytest.raises(SpecProblem) as caught:
        load(data, "t.md")
    (problem,) = caught.value.problems
    assert (problem.place(), problem.code) == (place, "encoding")
    assert word in problem.message
    assert problem.hint


def test_the_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(ONE.encode()))
    load(ONE.encode(), "t.md")
    with pytest.raises(SpecProblem) as caught:
        load(ONE.encode() + b" ", "t.md")
    assert caught.value.problems[0].code == "too-large"


def test_a_flood_of_problems_is_cut_and_says_so() -> None:
    _, problems = check("".join(f"## TASK-{n}: x\n" for n in range(3_000)).encode(), "t.md")
    assert len(problems) == module.MAX_PROBLEMS + 1
    assert problems[-1].message == "2,000 more problems are not shown"
    assert problems[-1].severity == "error"


REQUIREMENTS = """# Requirements

## 1. Scope

#### REQ-001: First ✅
Text of one.

##### Detail
```
#### REQ-002: only an example
```
<!-- #### REQ-003: commented out -->

#### REQ-010: Tenth
Text of ten.
"""
DESIGN = """# Design

### DESIGN-010 — Parts
A.

#### Sub
B.

## REQ-001 coverage
C.

### [NFR-1]
D.
""".replace("\n", "\r\n")


def test_sections_are_cut_by_their_headings() -> None:
    spec = load(ONE.encode(), "spec/tasks.md", {"spec/requirements.md": REQUIREMENTS.encode(), "spec/design.md": DESIGN.encode()})
    assert list(spec.sections) == ["REQ-001", "DESIGN-010"]
    requirement, design = spec.sections["REQ-001"], spec.sections["DESIGN-010"]
    assert (requirement.title, requirement.path) == ("First ✅", "spec/requirements.md")
    assert requirement.text.startswith("#### REQ-001: First ✅\nText of one.\n\n##### Detail\n```\n#### REQ-002: only")
    assert requirement.text.endswith("commented out -->")
    assert (design.title, design.text) == ("Parts", "### DESIGN-010 — Parts\nA.\n\n#### Sub\nB.")
    assert spec.warnings == ()


def test_a_trace_that_leads_nowhere_is_a_warning_only_when_there_are_documents() -> None:
    text = ONE.replace("REQ-001", "REQ-002")
    assert load(text.encode(), "t.md").warnings == ()
    spec = load(text.encode(), "t.md", {"requirements.md": REQUIREMENTS.encode(), "design.md": DESIGN.encode()})
    (warning,) = spec.warnings
    assert (warning.code, warning.severity, warning.place()) == ("unknown-trace", "warning", "t.md:4:17")
    assert "REQ-002" in warning.message
    assert list(spec.sections) == ["DESIGN-010"]


def test_a_document_that_is_no_text_is_a_warning() -> None:
    spec = load(ONE.encode(), "t.md", {"requirements.md": b"a\nb\xff", "design.md": DESIGN.encode()})
    assert [(warning.code, warning.place()) for warning in spec.warnings if warning.code == "encoding"] == [
        ("encoding", "requirements.md:2:1")
    ]
    assert spec.sections["REQ-001"].text == "## REQ-001 coverage\nC.\n\n### [NFR-1]\nD."
