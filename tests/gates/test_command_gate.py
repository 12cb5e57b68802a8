"""The gate that is any program: real programs, real supervisors."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chargehand.gates.command import CommandGate
from chargehand.gates.registry import make_gates
from chargehand.model.config import Config, GateConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.task import Span, Task
from chargehand.model.work import Verdict
from chargehand.process.pool import ShimPool

TASK = Task(id="TASK-007", title="t", span=Span(1))


class Bench:
    """A checkout, and a way to have it judged."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkout = root / "checkout"
        self.checkout.mkdir()
        self.ambient = dict(os.environ)

    def file(self, name: str, text: str) -> None:
        (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (self.checkout / name).write_text(text)

    def judge(self, command: str | list[str], *, minutes: float = 1.0, env: list[str] | None = None) -> Verdict:
        async def work(pool: ShimPool) -> Verdict:
            gate = CommandGate("tests", GateConfig(command=command, timeout_minutes=minutes, env=env or []), pool, self.ambient)
            verdict = await gate.judge(TASK, "c0ffee", self.checkout, self.root / "logs")
            assert verdict is not None
            return verdict

        return self.with_pool(work)

    def with_pool(self, work: Callable[[ShimPool], Awaitable[Verdict]]) -> Verdict:
        async def whole() -> Verdict:
            pool = ShimPool(self.root / "shim-errors.log")
            try:
                return await work(pool)
            finally:
                await pool.close()

        return asyncio.run(whole())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider"


def test_exit_code_0_passes(bench: Bench) -> None:
    bench.file("ok.txt", "x")
    verdict = bench.judge("test -f ok.txt && echo fine")
    assert (verdict.verdict, verdict.gate, verdict.commit) == ("pass", "tests", "c0ffee")
    assert verdict.summary == "test -f ok.txt && echo fine: exit code 0"
    assert verdict.evidence == ""
    assert Path(verdict.log).read_text() == "fine\n"
    assert verdict.duration_s > 0


def test_a_list_runs_without_a_shell(bench: Bench) -> None:
    assert Path(bench.judge(["printf", "%s", "a  b; $HOME"]).log).read_text() == "a  b; $HOME"


def test_another_exit_code_fails_with_the_reason(bench: Bench) -> None:
    verdict = bench.judge("echo out; echo why it failed >&2; exit 3")
    assert verdict.verdict == "fail"
    assert verdict.summary.endswith(": exit code 3")
    assert verdict.evidence == "out\n--- stderr ---\nwhy it failed"


def test_the_log_named_is_the_one_that_says_something(bench: Bench) -> None:
    assert bench.judge("echo x >&2; exit 1").log.endswith("stderr.log")


def test_a_signal_fails(bench: Bench) -> None:
    verdict = bench.judge("kill -SEGV $$")
    assert (verdict.verdict, verdict.summary) == ("fail", "kill -SEGV $$: killed by signal 11")


def test_the_environment_is_an_allowlist_with_a_private_home(bench: Bench) -> None:
    bench.ambient |= {"SECRET_TOKEN": "s3cret", "WANTED": "yes", "HOME": "/home/me"}
    output = Path(bench.judge("env; touch ~/mine", env=["WANTED"]).log).read_text()
    assert "s3cret" not in output
    assert "WANTED=yes" in output
    assert "CHARGEHAND_TASK_ID=TASK-007" in output
    assert "HOME=/home/me" not in output
    assert (bench.root / "logs" / "home" / "mine").exists()


@pytest.mark.parametrize("command", ["no-such-program-x --y", "./missing.sh", ["no-such-program-x"], ["./missing.sh"]])
def test_a_program_that_is_not_there_is_an_error_not_a_failure(bench: Bench, command: str | list[str]) -> None:
    verdict = bench.judge(command)
    assert verdict.verdict == "error"
    assert verdict.summary.startswith("the gate could not run: ")
    assert "no-such-program-x" in verdict.summary or "missing.sh" in verdict.summary
    assert "(hint: install it, or change [gates.tests] command)" in verdict.summary


def test_a_program_that_may_not_be_run_is_an_error(bench: Bench) -> None:
    bench.file("check.sh", "echo hi\n")
    verdict = bench.judge("./check.sh")
    assert verdict.verdict == "error"
    assert "ermission denied" in verdict.summary


def test_running_out_of_time_is_an_error_that_says_after_how_long(bench: Bench) -> None:
    verdict = bench.judge("echo begun; sleep 60", minutes=0.01)
    assert verdict.verdict == "error"
    assert verdict.summary == "echo begun; sleep 60: ran out of time after 0.01 min"
    assert verdict.evidence == "begun"


def test_being_cancelled_is_an_error(bench: Bench) -> None:
    async def work(pool: ShimPool) -> Verdict:
        gate = CommandGate("tests", GateConfig(command="echo on > started; sleep 60"), pool, bench.ambient)
        judging = asyncio.create_task(gate.judge(TASK, "c0ffee", bench.checkout, bench.root / "logs"))
        while not (bench.checkout / "started").exists():
            await asyncio.sleep(0.01)
        pool.cancel(bench.root / "logs")
        verdict = await judging
        assert verdict is not None
        return verdict

    verdict = bench.with_pool(work)
    assert verdict.verdict == "error"
    assert verdict.summary.endswith(": was cancelled")


def test_a_verdict_is_adopted_instead_of_run_twice(bench: Bench) -> None:
    assert bench.judge("echo x >> count").verdict == "pass"
    assert bench.judge("echo x >> count").verdict == "pass"
    assert (bench.checkout / "count").read_text() == "x\n"


def test_pytest_is_counted(bench: Bench) -> None:
    bench.file("test_a.py", "def test_good(): pass\ndef test_bad(): assert 1 == 2, 'sum is wrong'\ndef test_fine(): pass\n")
    verdict = bench.judge(PYTEST.split())
    assert verdict.verdict == "fail"
    assert verdict.summary.endswith(": exit code 1, 1 failed, 2 passed")
    assert "sum is wrong" in verdict.evidence
    assert "FAILED test_a.py::test_bad" in verdict.evidence


def test_a_passing_pytest_is_counted(bench: Bench) -> None:
    bench.file("test_a.py", "def test_good(): pass\n")
    verdict = bench.judge(PYTEST)
    assert verdict.verdict == "pass"
    assert verdict.summary.endswith(": exit code 0, 1 passed")


@pytest.mark.parametrize("options", ["", " || true", " -qq --no-summary", " --collect-only || true"])
def test_pytest_that_collects_nothing_fails(bench: Bench, options: str) -> None:
    bench.file("notes.txt", "no tests here")
    verdict = bench.judge(PYTEST + options)
    assert verdict.verdict == "fail"
    assert "no test was run (none was collected)" in verdict.summary


def test_pytest_that_only_skips_fails(bench: Bench) -> None:
    bench.file("test_a.py", "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n")
    verdict = bench.judge(PYTEST)
    assert verdict.verdict == "fail"
    assert "no test was run (1 skipped)" in verdict.summary


def test_unittest_that_finds_nothing_fails_although_it_exits_with_0(bench: Bench) -> None:
    code = (
        "import unittest, sys; sys.exit(not unittest.main(argv=['x', 'discover'], module=None, exit=False).result.wasSuccessful())"
    )
    verdict = bench.judge([sys.executable, "-c", code])
    assert verdict.verdict == "fail"
    assert "no test was run" in verdict.summary


def test_unittest_is_counted(bench: Bench) -> None:
    good, bad = "    def test_a(self): pass\n", "    def test_b(self): self.assertEqual(1, 2)\n"
    skipped = "    @unittest.skip('x')\n    def test_c(self): pass\n"
    bench.file("test_u.py", f"import unittest\nclass T(unittest.TestCase):\n{good}{bad}{skipped}")
    verdict = bench.judge([sys.executable, "-m", "unittest"])
    assert verdict.verdict == "fail"
    assert verdict.summary.endswith("exit code 1, 1 failed, 1 passed, 1 skipped")
    assert "AssertionError: 1 != 2" in verdict.evidence
    assert verdict.log.endswith("stderr.log")


def test_evidence_is_clean_and_short(bench: Bench) -> None:
    bench.file(
        "noise.py",
        "import sys\nfor n in range(20000): sys.stdout.buffer.write(b'\\x1b[31mline %d \\xff\\x00\\r\\n' % n)\nsys.exit(1)\n",
    )
    verdict = bench.judge([sys.executable, "noise.py"])
    lines = verdict.evidence.splitlines()
    assert lines[-1] == "line 19999 \ufffd"
    assert lines[0] == "[...]"
    assert 50 <= len(lines) <= 61
    assert "\x1b" not in verdict.evidence
    assert "\x00" not in verdict.evidence


def gate(command: str | list[str], path: str | None = None) -> CommandGate:
    ambient = {"PATH": os.environ["PATH"] if path is None else path}
    return CommandGate("tests", GateConfig(command=command), ShimPool(Path("unused")), ambient)


@pytest.mark.parametrize(
    "command",
    [
        "sh -c x",
        ["sh"],
        "./later.sh",
        ["./later.sh"],
        "cd src",
        "nope | cat",
        "X=1 nope",
        "nope && x",
        "(nope)",
        "$NOPE",
        "if nope; then x; fi",
    ],
)
def test_preflight_lets_pass_what_may_run(command: str | list[str]) -> None:
    assert gate(command).preflight() == ""


@pytest.mark.parametrize("command", ["no-such-x", "no-such-x -k 'a or b'", ["no-such-x", "|"]])
def test_preflight_names_what_is_missing(command: str | list[str]) -> None:
    assert "no-such-x was not found on PATH (hint: install it, or change [gates.tests] command)" in gate(command).preflight()


def test_preflight_looks_on_the_path_the_gate_will_have(tmp_path: Path) -> None:
    assert gate("sh", str(tmp_path)).preflight()
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    assert gate("mine", str(tmp_path)).preflight() == ""


def test_preflight_finds_an_open_quote() -> None:
    assert "no closing quotation" in gate("pytest -k 'a").preflight()


@pytest.mark.parametrize("command", ["", "  ", [], [""], "a\0b", ["a", "\0"]])
def test_a_command_that_cannot_be_is_refused(command: str | list[str]) -> None:
    with pytest.raises(ConfigProblem) as caught:
        gate(command)
    assert "[gates.tests]" in caught.value.hint


def test_gates_keep_the_order_of_the_file() -> None:
    config = Config(gates={name: GateConfig(command="true") for name in ("zeta", "alpha", "mid")})
    assert [made.name for made in make_gates(config, ShimPool(Path("unused")), {})] == ["zeta", "alpha", "mid"]
