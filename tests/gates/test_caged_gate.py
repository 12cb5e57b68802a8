"""A gate runs what agents wrote: in a cage it judges as outside, and reaches neither files of the user nor the network."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chargehand.gates.registry import make_gates
from chargehand.model.config import Config, GateConfig
from chargehand.model.task import Span, Task
from chargehand.model.work import Verdict
from chargehand.ports import Room
from chargehand.process.bubblewrap import Bubblewrap
from chargehand.process.pool import ShimPool

TASK = Task(id="TASK-007", title="t", span=Span(1))


class Bench:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkout = root / "checkout"
        self.checkout.mkdir()

    def judge(
        self, command: str | list[str], *, network: bool = False, readable: tuple[str, ...] = (), minutes: float = 1
    ) -> Verdict:
        config = Config(gates={"tests": GateConfig(command=command, network=network, timeout_minutes=minutes)})

        async def work() -> Verdict:
            pool = ShimPool(self.root / "errors.log")
            room = Room(writable=(), hidden=(str(self.root),), readable=readable)
            (gate,) = make_gates(config, pool, dict(os.environ), Bubblewrap(), room)
            assert gate.preflight() == ""
            verdict = await gate.judge(TASK, "c0ffee", self.checkout, self.root / f"logs{len(list(self.root.iterdir()))}")
            await pool.close()
            assert verdict is not None
            return verdict

        return asyncio.run(work())


@pytest.fixture
def bench(tmp_path: Path, require: Callable[..., str]) -> Bench:
    require("bwrap", "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "true")
    return Bench(tmp_path)


def test_it_passes_fails_and_cannot_run_as_outside(bench: Bench) -> None:
    assert bench.judge("echo built > made && test -f made").verdict == "pass"
    assert (bench.checkout / "made").exists()
    assert bench.judge("exit 3").summary == "exit 3: exit code 3"
    assert "killed by signal 9" in bench.judge("kill -9 $$").summary
    assert bench.judge("no-such-program; exit 127").verdict == "error"
    assert bench.judge("sleep 1000", minutes=0.01).summary == "sleep 1000: ran out of time after 0.01 min"


def test_pytest_of_the_environment_that_is_on_the_path_judges(bench: Bench) -> None:
    (bench.checkout / "test_it.py").write_text("def test_one(): pass\ndef test_two(tmp_path): (tmp_path / 'a').touch()\n")
    verdict = bench.judge([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"])
    assert (verdict.verdict, verdict.summary.endswith("exit code 0, 2 passed")) == ("pass", True), verdict.evidence


def test_the_users_files_are_not_seen(bench: Bench) -> None:
    (bench.root / "secret").write_text("hunter2")
    verdict = bench.judge(f"cat {bench.root}/secret; echo > {bench.root}/new")
    assert verdict.verdict == "fail"
    assert "hunter2" not in Path(verdict.log).read_text()
    assert not (bench.root / "new").exists()


def test_it_has_no_network_unless_the_settings_say_so(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        assert bench.judge([sys.executable, "-c", reach]).verdict == "fail"
        assert bench.judge([sys.executable, "-c", reach], network=True).verdict == "pass"


def test_it_reads_the_history_its_checkout_borrows(bench: Bench) -> None:
    depot = bench.root / "depot"
    subprocess.run(["git", "init", "-q", str(depot)], check=True)
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"]
    subprocess.run(commit, cwd=depot, check=True)
    subprocess.run(["git", "clone", "-q", "--shared", str(depot), "."], cwd=bench.checkout, check=True)
    assert bench.judge("git log -1 | grep first", readable=(str(depot / ".git/objects"),)).verdict == "pass"
