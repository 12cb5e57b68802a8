"""What test programs print and write, as counts and names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from chargehand.gates.reports import files, output
from chargehand.model.work import Tests

PRINTED = {
    "pytest": (
        "F.s\nFAILED tests/t.py::test_a[x y] - assert 1 == 2\nERROR t.py::test_e\n1 failed, 1 passed, 1 skipped, 1 error in 0.1s\n",
        Tests(1, 2, 1, ("tests/t.py::test_a[x y]", "t.py::test_e")),
    ),
    "unittest": (
        "FAIL: test_b (t.T.test_b)\n----\nRan 3 tests in 0.001s\n\nFAILED (failures=1, skipped=1)\n",
        Tests(1, 1, 1, ("t.T.test_b",)),
    ),
    "go": (
        "--- FAIL: TestB (0.00s)\n    x_test.go:3: no\nFAIL\nFAIL\tex.com/a\t0.1s\nok  \tex.com/b\t0.2s\n",
        Tests(1, 1, 0, ("TestB",)),
    ),
    "go -v": ("=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- SKIP: TestC (0.00s)\nPASS\nok  \tex.com/a\t0.1s\n", Tests(1, 0, 1)),
    "go -json": (
        '{"Action":"run","Package":"p","Test":"TestA"}\n{"Time":"x","Action":"pass","Package":"p","Test":"TestA"}\n'
        '{"Action":"fail","Package":"p","Test":"TestB"}\n{"Action":"fail","Package":"p"}\n',
        Tests(1, 1, 0, ("p.TestB",)),
    ),
    "cargo": (
        "test a::works ... ok\ntest a::breaks ... FAILED\n\ntest result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured\n"
        "\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n",
        Tests(4, 1, 2, ("a::breaks",)),
    ),
    "nextest": ("     Summary [   0.5s] 10 tests run: 8 passed, 2 failed, 1 skipped\n", Tests(8, 2, 1)),
    "node": (
        "✖ adds (0.5ms)\nℹ tests 5\nℹ suites 1\nℹ pass 3\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0\n",
        Tests(3, 1, 1, ("adds",)),
    ),
    "node tap": (
        "TAP version 13\nnot ok 1 - adds\nok 2 - b\n1..2\n# tests 2\n# pass 1\n# fail 1\n# skipped 0\n",
        Tests(1, 1, 0, ("adds",)),
    ),
    "tape": (
        "TAP version 13\n# equal\nok 1 (unnamed assert)\n# nested nulls\nnot ok 2 (unnamed assert)\n\n1..2\n"
        "# tests 2\n# pass  1\n# fail  1\n",
        Tests(1, 1, 0, ("nested nulls > (unnamed assert)",)),
    ),
    "tap": ("1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP later\n", Tests(1, 1, 1, ("b",))),
    "jest": ("  ● math › adds\n\nTests:       1 failed, 1 skipped, 4 passed, 6 total\n", Tests(4, 1, 1, ("math › adds",))),
    "vitest": (
        " FAIL  a.test.ts > math > adds\n\n      Tests  1 failed | 2 passed (3)\n",
        Tests(2, 1, 0, ("a.test.ts > math > adds",)),
    ),
    "mocha": (
        "\n  math\n    ✔ adds\n    1) breaks\n    - later\n\n\n  1 passing (27ms)\n  1 pending\n  1 failing\n\n"
        "  1) math\n       breaks:\n\n      AssertionError [ERR_ASSERTION]: 1 == 2\n",
        Tests(1, 1, 1, ("math > breaks",)),
    ),
    "bun": ("(fail) adds [0.1ms]\n\n 2 pass\n 1 fail\n 3 expect() calls\n", Tests(2, 1, 0, ("adds",))),
    "dotnet": (
        "  Failed N.T.Adds [3 ms]\nFailed!  - Failed:     1, Passed:     2, Skipped:     1, Total:     4, Duration: 9 ms - t.dll\n",
        Tests(2, 1, 1, ("N.T.Adds",)),
    ),
    "maven": (
        "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in A\n[ERROR]   ATest.adds:12 expected\n"
        "[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 1\n",
        Tests(2, 1, 1, ("ATest.adds",)),
    ),
    "gradle": ("ATest > adds() FAILED\n\n3 tests completed, 1 failed, 1 skipped\n", Tests(1, 1, 1, ("ATest > adds()",))),
    "rspec": ("5 examples, 1 failure, 2 pending\n\nrspec ./spec/a_spec.rb:3 # A adds\n", Tests(2, 1, 2, ("./spec/a_spec.rb:3",))),
    "minitest": (
        "F.S\n\nFinished in 0.1s, 9.1 runs/s, 2.4 assertions/s.\n\n"
        "  1) Failure:\nTestA#test_b [t.rb:3]:\n\n3 runs, 3 assertions, 1 failures, 0 errors, 1 skips\n",
        Tests(1, 1, 1, ("TestA#test_b",)),
    ),
    "phpunit": (
        "1) ATest::testB\nFAILURES!\nTests: 4, Assertions: 4, Failures: 1, Skipped: 1.\n",
        Tests(2, 1, 1, ("ATest::testB",)),
    ),
    "phpunit well": ("OK (3 tests, 5 assertions)\n", Tests(3, 0, 0)),
}


@pytest.mark.parametrize("program", PRINTED)
def test_what_is_printed_is_counted(program: str) -> None:
    text, expected = PRINTED[program]
    for printed in (text, f"some talk\n{text}more talk\n"):
        told = output.read(printed)
        assert told is not None
        assert msgspec.structs.replace(told, ids=()) == expected


@pytest.mark.parametrize("text", ["", "all fine\n", "Compiling 3 files\nwarning: 2 passed things\n", "3 errors found\n"])
def test_other_output_tells_nothing_of_tests(text: str) -> None:
    assert output.read(text) is None
    assert output.nothing_ran(text, None) == ""


@pytest.mark.parametrize(
    "text",
    [
        "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\n",
        "ℹ tests 0\nℹ pass 0\nℹ fail 0\nℹ skipped 0\n",
        "No tests found, exiting with code 0\n",
        "0 examples, 0 failures\n",
        "No tests executed!\n",
        "ok  \tex.com/b\t0.2s [no tests to run]\n",
        "Tests:       3 skipped, 3 total\n",
        "  0 passing (1ms)\n",
    ],
)
def test_nothing_ran_is_noticed(text: str) -> None:
    assert output.nothing_ran(text, output.read(text))


@pytest.mark.parametrize(
    "command",
    [
        "python -m pytest tests",
        "cd x && pytest",
        "A=1 uv run --frozen python3.12 -m pytest -q",
        "/v/bin/pytest",
        "python -m unittest",
        "cargo test",
    ],
)
def test_a_summary_that_is_missing_is_noticed(command: str) -> None:
    assert output.cut_short(command, "collecting...\n")
    assert not output.cut_short(command, "3 passed in 0.01s\nRan 3 tests in 0.1s\ntest result: ok.\n")
    assert not output.cut_short(f"{command} > log", "")


@pytest.mark.parametrize(
    "command", ["pytest -qq", "make test", "test -e /tmp/pytest-of-me/x", "pip install pytest && make", "echo go test"]
)
def test_other_programs_need_no_summary(command: str) -> None:
    assert not output.cut_short(command, "")


JUNIT = """<?xml version="1.0"?><testsuites><testsuite name="s" tests="4" failures="1" errors="1" skipped="1">
<testcase classname="t.A" name="ok"/><testcase classname="t.A" name="bad"><failure message="x">why</failure></testcase>
<testcase classname="t.A" name="worse"><error/></testcase><testcase name="later"><skipped/></testcase></testsuite></testsuites>"""
SARIF = """{"version": "2.1.0", "runs": [{"results": [
{"ruleId": "E1", "level": "error", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}}}]},
{"ruleId": "E2", "level": "error", "suppressions": [{}]}, {"ruleId": "E3", "level": "error", "baselineState": "unchanged"},
{"ruleId": "W", "level": "warning"}]}]}"""
EVERY = ("t.A.ok", "t.A.bad", "t.A.worse", "later")
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><testsuite>&b;</testsuite>'
)


def test_files_are_read() -> None:
    assert files.parse(JUNIT.encode()) == Tests(1, 2, 1, ("t.A.bad", "t.A.worse"), EVERY)
    assert files.parse(b'<testsuite tests="3" failures="1"/>') == Tests(2, 1, 0)
    assert files.parse(SARIF.encode()) == Tests(0, 1, 0, ("E1 a.py",))
    assert files.parse(b'{"runs": [{"results": []}]}') == Tests(1)


HOSTILE = [
    BOMB,
    "<a",
    "<a>" * 10_000,
    "hello",
    "{",
    '{"runs": 3}',
    '{"runs": [null]}',
    "{" * 100_000,
    "[" * 100_000,
    '{"a":' * 90_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_files_are_refused(text: str) -> None:
    with pytest.raises(files.Unreadable):
        files.parse(text.encode())


def test_only_files_of_the_checkout_are_read(tmp_path: Path) -> None:
    (tmp_path / "outside.xml").write_text(JUNIT)
    checkout = tmp_path / "checkout"
    (checkout / "out").mkdir(parents=True)
    (checkout / "out" / "link.xml").symlink_to(tmp_path / "outside.xml")
    assert files.read(checkout, "out/*.xml") is None
    assert files.read(checkout, "../outside.xml") is None
    (checkout / "out" / "a.xml").write_text(JUNIT)
    (checkout / "out" / "b.xml").write_text(JUNIT)
    assert files.read(checkout, "out/*.xml") == Tests(2, 4, 2, ("t.A.bad", "t.A.worse") * 2, EVERY * 2)
    files.clear(checkout, "**/*.xml")
    assert files.read(checkout, "**/*.xml") is None
    assert (tmp_path / "outside.xml").exists()


def test_a_real_junit_report_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip('x')\n"
    )
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=r.xml", "."]
    said = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert files.read(tmp_path, "r.xml") == Tests(1, 1, 1, ("test_a.test_b",), ("test_a.test_a", "test_a.test_b", "test_a.test_c"))
    assert output.read(said) == Tests(1, 1, 1, ("test_a.py::test_b",))


def test_a_real_run_of_node(tmp_path: Path) -> None:
    import shutil

    node = shutil.which("node")
    if node is None or not subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout >= "v18":
        pytest.skip("node 18 or newer is not installed")
    test = "const test = require('node:test'); "
    test += "test('good', () => {}); test('bad', () => { throw 1 }); test('no', {skip: true}, () => {})"
    (tmp_path / "a.test.js").write_text(test)
    said = subprocess.run([node, "--test"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    found = output.read(said)
    assert found is not None
    assert found.failed >= 1
    assert "bad" in found.failures
