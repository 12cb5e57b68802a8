"""Setup commands, what they make, and files no commit holds."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from chargehand.gates.command import CommandGate
from chargehand.model.config import GateConfig
from chargehand.model.task import Span, Task
from chargehand.model.work import Verdict
from chargehand.process.pool import ShimPool

TASK = Task(id="TASK-007", title="t", span=Span(1))


class Bench:
    def __init__(self, root: Path) -> None:
        self.root, self.project, self.number = root, root / "project", 0
        self.project.mkdir()

    def judge(self, command: str, files: dict[str, str], **settings: object) -> Verdict:
        """On a checkout nobody used before."""
        self.number += 1
        self.checkout = self.root / f"checkout{self.number}"
        for name, text in files.items():
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (self.checkout / name).write_text(text)
        config = GateConfig(command=command, **settings)  # type: ignore[arg-type]

        async def work() -> Verdict:
            pool = ShimPool(self.root / "errors.log")
            gate = CommandGate("g", config, pool, dict(os.environ), root=self.project, caches=self.root / "cache")
            verdict = await gate.judge(TASK, "c0ffee", self.checkout, self.root / "logs" / str(self.number))
            await pool.close()
            assert verdict is not None
            return verdict

        (self.root / "logs").mkdir(exist_ok=True)
        return asyncio.run(work())

    def made(self) -> int:
        """How often the setup ran."""
        return len((self.root / "count").read_text().splitlines())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_a_setup_makes_is_there_and_made_once_for_the_same_locks(bench: Bench) -> None:
    setup = f"echo x >> {bench.root}/count; mkdir -p deps && echo $PWD > deps/made && ln -s made deps/link"
    settings = {"setup": setup, "cache": ["deps"]}
    lock = {"package-lock.json": "1"}
    assert bench.judge("test -s deps/made && test -L deps/link && echo spoiled > deps/made", lock, **settings).verdict == "pass"
    assert bench.judge("grep -v spoiled deps/made && test -L deps/link", lock, **settings).verdict == "pass"
    assert bench.made() == 1
    assert bench.judge("test -s deps/made", {"package-lock.json": "2"}, **settings).verdict == "pass"
    assert bench.made() == 2
    assert bench.judge("true", {**lock, "other.txt": "3"}, **settings).verdict == "pass"
    assert bench.made() == 2


def test_an_environment_knows_its_new_place(bench: Bench) -> None:
    setup = 'mkdir -p .venv/bin && echo "#!$PWD/.venv/bin/python" > .venv/bin/tool && echo $PWD/src > .venv/a.pth'
    settings = {"setup": setup, "cache": [".venv"], "locks": ["my.lock"]}
    for _ in range(2):
        command = 'grep -qx "#!$PWD/.venv/bin/python" .venv/bin/tool && grep -qx "$PWD/src" .venv/a.pth'
        assert bench.judge(command, {"my.lock": "1"}, **settings).verdict == "pass"


def test_what_a_commit_brings_along_is_not_kept_for_others(bench: Bench) -> None:
    settings = {"setup": f"echo x >> {bench.root}/count; mkdir -p deps", "cache": ["deps"]}
    assert bench.judge("true", {"package.json": "1", "deps/evil": "x"}, **settings).verdict == "pass"
    assert bench.judge("test ! -e deps/evil", {"package.json": "1"}, **settings).verdict == "pass"
    assert bench.made() == 2


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "link/deps"])
def test_nothing_outside_the_checkout_is_kept_or_written(bench: Bench, name: str) -> None:
    (bench.root / "outside").mkdir()
    settings = {"setup": f"ln -sfn {bench.root}/outside link; mkdir -p link/deps; echo x >> {bench.root}/count", "cache": [name]}
    for _ in range(2):
        assert bench.judge("true", {"package.json": "1"}, **settings).verdict == "pass"
    assert bench.made() == 2


def test_a_setup_that_fails_is_told_as_such(bench: Bench) -> None:
    verdict = bench.judge("true", {"a": "b"}, setup="echo no such package >&2; exit 1")
    assert (verdict.verdict, verdict.summary) == ("fail", "its setup did not work: exit code 1")
    assert "no such package" in verdict.evidence
    assert bench.judge("true", {"a": "b"}, setup=["no-such-program-x"]).verdict == "error"


def test_few_are_kept(bench: Bench) -> None:
    for number in range(11):
        bench.judge("true", {"package.json": str(number)}, setup="mkdir deps", cache=["deps"])
    assert len(list((bench.root / "cache").iterdir())) == 8


def test_files_that_no_commit_holds_are_brought_along_when_the_user_names_them(bench: Bench) -> None:
    for name, text in {".env.test": "A=1", "sub/data.bin": "d", "secret.txt": "no", "kept.txt": "his"}.items():
        (bench.project / name).parent.mkdir(exist_ok=True)
        (bench.project / name).write_text(text)
    (bench.project / "out").symlink_to("/etc")
    assert bench.judge("test ! -e .env.test", {"a": "b"}).verdict == "pass"
    (bench.project / ".worktreeinclude").write_text("# for tests\n.env.*\nsub/\nkept.txt\nout\n")
    command = "grep -q A=1 .env.test && test -e sub/data.bin && test ! -e secret.txt && test ! -e out && grep -q mine kept.txt"
    assert bench.judge(command, {"kept.txt": "mine"}).verdict == "pass"


def test_a_report_is_asked_for_and_must_be_new(bench: Bench) -> None:
    well = '<testsuite><testcase name="a"/></testsuite>'
    assert (
        bench.judge("true", {"out/r.xml": well}, report="out/*.xml").summary == "true: exit code 0; it wrote no report (out/*.xml)"
    )
    bad = well.replace('"a"/>', '"a"><failure/></testcase>')
    assert bench.judge("true", {"r.xml": well}, report="r.xml").verdict == "fail"
    verdict = bench.judge(f"echo '{bad}' > r.xml", {"a": "b"}, report="r.xml")
    assert verdict.verdict == "fail"
    assert verdict.tests is not None
    assert verdict.tests.failures == ("a",)
    verdict = bench.judge(f"echo '{well}' > r.xml", {"a": "b"}, report="r.xml")
    assert (verdict.verdict, verdict.tests and verdict.tests.passed) == ("pass", 1)
    assert bench.judge("echo '<testsuite/>' > r.xml", {"a": "b"}, report="r.xml").verdict == "fail"
    assert bench.judge("echo '<!DOCTYPE x [<!ENTITY a \"b\">]><a/>' > r.xml", {"a": "b"}, report="r.xml").verdict == "fail"


def test_failures_that_are_passed_over_are_no_pass(bench: Bench) -> None:
    assert bench.judge("echo '1 failed, 2 passed in 0.1s'; exit 0", {"a": "b"}).verdict == "fail"
    assert bench.judge("echo '2 passed in 0.1s'", {"a": "b"}).verdict == "pass"
