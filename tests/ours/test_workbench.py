"""The tools of our own agent: what they do, and what they do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chargehand.agents.programs.workbench import Workbench
from tests.kit.processes import around, until


@pytest.fixture
def changed() -> list[str]:
    return []


@pytest.fixture
def bench(tmp_path: Path, changed: list[str]) -> Workbench:
    root = tmp_path / "workspace"
    (root / "src" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / "src" / "a.py").write_text("one\ntwo\nthree\n")
    (root / "src" / "deep" / "b.txt").write_text("two\n")
    (root / "bin.dat").write_bytes(b"\xff\xfe\x00two")
    (tmp_path / "outside.txt").write_text("outside two")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "out").symlink_to(tmp_path)
    return Workbench(str(root), changed.append)


def test_files_are_listed_and_found(bench: Workbench) -> None:
    assert bench.list_files().splitlines() == ["bin.dat", "link.txt", "src/a.py", "src/deep/b.txt"]
    assert bench.list_files("src", "*.py") == "src/a.py"
    assert bench.search("t.o") == "src/a.py:2: two\nsrc/deep/b.txt:1: two"
    assert bench.search("two", files="*.txt") == "src/deep/b.txt:1: two"
    assert bench.search("nowhere") == "nothing found"
    assert bench.search("(").startswith("error: ")


def test_files_are_read_and_changed(bench: Workbench, changed: list[str]) -> None:
    assert bench.read_file("src/a.py", 2, 1) == "two\n"
    assert bench.write_file("new/c.txt", "x x") == "wrote new/c.txt"
    assert bench.edit_file("new/c.txt", "x", "y").startswith("error: the text occurs 2 times")
    assert bench.edit_file("new/c.txt", "x", "y", everywhere=True) == "replaced 2 in new/c.txt"
    assert bench.edit_file("new/c.txt", "", "y").startswith("error: ")
    assert bench.read_file("new/c.txt") == "y y"
    assert changed == ["new/c.txt", "new/c.txt"]


@pytest.mark.parametrize(
    "path", ["../outside.txt", "link.txt", "out/outside.txt", "/etc/passwd", "bin.dat", "missing", "src", "a\0b"]
)
def test_what_is_outside_or_no_text_is_refused(path: str, bench: Workbench, changed: list[str], tmp_path: Path) -> None:
    assert bench.read_file(path).startswith("error: ")
    assert bench.edit_file(path, "two", "2").startswith("error: ")
    if path not in ("missing", "bin.dat"):
        assert bench.write_file(path, "mine").startswith("error: ")
    assert (tmp_path / "outside.txt").read_text() == "outside two"
    assert changed == []


def test_long_texts_lose_their_middle(bench: Workbench) -> None:
    bench.write_file("long.txt", "a" * 100_000 + "end")
    text = bench.read_file("long.txt")
    assert len(text) < 25_000
    assert text.endswith("end")


def test_commands_are_run(bench: Workbench) -> None:
    assert asyncio.run(bench.shell("pwd; echo no >&2; exit 3")) == f"exit code 3\n{bench.root}\nno\n"


def test_a_command_has_its_time(bench: Workbench) -> None:
    assert "error: it did not end within 1 seconds" in asyncio.run(bench.shell("echo begun; sleep 1000 & sleep 1000", 1))
    until(lambda: not around(bench.root), "all of it is gone")


def test_what_goes_on_in_the_background_is_not_waited_for(bench: Workbench) -> None:
    assert asyncio.run(bench.shell("(sleep 3; touch later) & echo now")) == "exit code 0\nnow\n"
    assert not (bench.root / "later").exists()


def test_a_list_is_kept(bench: Workbench) -> None:
    assert bench.todo("- [ ] one") == "the list now is:\n- [ ] one"
    assert len(bench.tools(read_only=True)) == 4
