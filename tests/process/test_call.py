"""Short commands: what they say, and what is said when they cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.process.process_room import alive, pid_in, until

from chargehand.model.errors import EnvironmentProblem
from chargehand.process.call import call


def test_code_output_and_input(tmp_path: Path) -> None:
    result = call(
        ["sh", "-c", "cat; pwd; echo $A; echo err >&2; exit 3"], cwd=tmp_path, env={**os.environ, "A": "b"}, stdin=b"\xff\n"
    )
    assert result == (3, b"\xff\n" + str(tmp_path).encode() + b"\nb\n", b"err\n")


def test_much_in_both_directions() -> None:
    data = b"x" * 3_000_000
    assert call(["cat"], stdin=data).stdout == data


def test_a_program_that_reads_nothing() -> None:
    assert call(["true"], stdin=b"x" * 3_000_000).code == 0


def test_out_of_time(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"`sh -c .*` did not end within 0.3 seconds"):
        call(["sh", "-c", "sh -c 'echo $$ > pid; exec sleep 1000' & sleep 1000"], cwd=tmp_path, timeout=0.3)
    pid = pid_in(tmp_path / "pid")
    assert pid
    until(lambda: not alive(pid))


def test_a_missing_program() -> None:
    with pytest.raises(EnvironmentProblem, match="`no-such-program` was not found") as caught:
        call(["no-such-program"])
    assert "no-such-program" in caught.value.hint


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no such directory"):
        call(["true"], cwd=tmp_path / "gone")


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    with pytest.raises(EnvironmentProblem, match="may not be executed"):
        call([str(tmp_path / "data")])
