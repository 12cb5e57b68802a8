"""Which lines of an output are shown, and what it says of tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.gates.excerpt import LINES, SIZE, TAIL_BYTES, excerpt, read_tail
from chargehand.gates.tests_run import counts, describe, none_ran


def numbered(count: int, word: str = "line") -> str:
    return "".join(f"{word} {number}\n" for number in range(count))


def test_short_output_is_whole() -> None:
    assert excerpt("one\n\ntwo\n", "") == "one\n\ntwo"
    assert excerpt("", "three\n") == "three"
    assert excerpt("one\n", "three\n") == "one\n--- stderr ---\nthree"
    assert excerpt("", " \n") == ""


def test_the_end_of_a_long_output_is_kept() -> None:
    lines = excerpt(numbered(500), "").split("\n")
    assert lines == ["[...]", *(f"line {number}" for number in range(440, 500))]


@pytest.mark.parametrize(
    "line",
    [
        "FAILED tests/test_a.py::test_b - assert 1 == 2",
        "ERROR tests/test_a.py - ImportError",
        "E       AssertionError: no",
        "FAIL: test_b (tests.T)",
        "--- FAIL: TestB (0.00s)",
        "not ok 3 - adds",
        "  ✕ adds numbers (3 ms)",
        "test sums::adds ... FAILED",
        "tests/test_a.py::test_b FAILED   [ 50%]",
        "src/a.c:3:1: error: expected ';'",
        "error[E0308]: mismatched types",
        "thread 'main' panicked at src/main.rs:2:5",
        "ValueError: bad",
    ],
)
def test_lines_of_failing_tests_are_kept_wherever_they_are(line: str) -> None:
    shown = excerpt(numbered(300) + line + "\n" + numbered(300, "after"), "").split("\n")
    assert shown[:3] == ["[...]", line, "[...]"]
    assert shown[-1] == "after 299"
    assert len(shown) <= LINES + 2


def test_the_end_keeps_half_of_the_room_from_failures() -> None:
    shown = excerpt("".join(f"FAILED test_{n} {'x' * 300}\n" for n in range(200)) + numbered(200), "")
    assert "FAILED test_0 " in shown
    assert shown.endswith("line 199")
    assert shown.count("\nline ") >= 30


def test_both_streams_get_their_half_and_what_the_other_leaves() -> None:
    both = excerpt(numbered(500, "out"), numbered(500, "bad"))
    assert both.count("out ") == both.count("bad ") == LINES // 2
    shown = excerpt(numbered(5, "out"), numbered(500, "bad"))
    assert shown.count("out ") == 5
    assert shown.count("bad ") == LINES - 5


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from([1, 10, 400]))
def test_no_output_makes_a_long_excerpt(stdout: str, stderr: str, times: int) -> None:
    shown = excerpt(stdout * times, stderr * times)
    assert shown.count("\n") <= 2 * LINES + 4
    assert len(shown) <= SIZE + 6 * (LINES + 4) + 20


def test_one_endless_line_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (TAIL_BYTES * 3))
    assert excerpt(read_tail(log), "") == "x" * 400 + " [...]"


def test_the_tail_starts_at_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ä" * 1000 + "\n" + numbered(100_000, "ö"))
    text = read_tail(log)
    assert "\ufffd" not in text
    assert text.startswith("ö ")
    assert text.endswith("ö 99999\n")


def test_a_progress_bar_shows_its_last_state(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"10%\r50%\r100%\r\ndone\r\n" + b"\x1b[32mgreen\x1b[0m \xff\x07\n")
    assert read_tail(log) == "100%\ndone\ngreen \ufffd\n"


def test_no_log_is_no_text(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("..F\n1 failed, 2 passed in 0.12s\n", "1 failed, 2 passed"),
        (
            "=== 1 failed, 2 passed, 3 skipped, 1 xfailed, 4 warnings, 2 errors in 65.03s (0:01:05) ===\n",
            "1 failed, 2 errors, 2 passed, 3 skipped",
        ),
        ("2 passed, 3 subtests passed in 0.01s\n", "2 passed"),
        ("1 passed in 0.1s\n...\n2 passed in 0.1s\n", "3 passed"),
        ("Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=2)\n", "1 failed, 2 errors, 2 passed"),
        ("Ran 1 test in 0.001s\n\nOK\n", "1 passed"),
        ("I passed in 3 seconds\nhave 2 passed the test?\n", ""),
    ],
)
def test_what_is_said_of_tests(text: str, said: str) -> None:
    assert describe(counts(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        "collected 0 items\n\n=== no tests ran in 0.01s ===\n",
        "no tests ran in 0.00s\n",
        "collected 0 items / 1 skipped\n",
        "collected 5 items\n\n=== 5 skipped in 0.02s ===\n",
        "2 skipped, 3 deselected, 1 warning in 0.02s\n",
        "Ran 0 tests in 0.000s\n\nOK\n",
        "Ran 0 tests in 0.000s\n\nNO TESTS RAN\n",
        "Ran 2 tests in 0.000s\n\nOK (skipped=2)\n",
    ],
)
def test_nothing_was_run(text: str) -> None:
    assert none_ran(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all good\n",
        "collected 10 items\n\n10 passed in 1s\n",
        "1 passed, 9 skipped in 1.00s\n",
        "1 xfailed, 2 skipped in 1.00s\n",
        "3 skipped in 0.1s\n4 passed in 0.1s\n",
        "Ran 10 tests in 0.1s\n\nOK (skipped=9)\n",
        "the log says: collected 0 items\n",
    ],
)
def test_something_was_run_or_nothing_is_known(text: str) -> None:
    assert none_ran(text) == ""
